package normalize

import "time"

// parseTime reads an RFC 3339 time as Prefect and its tools write them: also
// with a blank between date and time, with 0 to 9 digits of a second, with an
// offset with or without a colon. A missing offset is UTC.
func parseTime(t text) (time.Time, bool) {
	if len(t) < 19 || t[4] != '-' || t[7] != '-' || t[13] != ':' || t[16] != ':' {
		return time.Time{}, false
	}
	if t[10] != 'T' && t[10] != ' ' && t[10] != 't' {
		return time.Time{}, false
	}
	bad := false
	num := func(from, to int) int {
		n := 0
		for _, c := range t[from:to] {
			if c-'0' > 9 {
				bad = true
			}
			n = n*10 + int(c-'0')
		}
		return n
	}
	year, month, day := num(0, 4), num(5, 7), num(8, 10)
	hour, minute, second := num(11, 13), num(14, 16), num(17, 19)
	rest := t[19:]
	nanos := 0
	if len(rest) > 1 && (rest[0] == '.' || rest[0] == ',') {
		rest = rest[1:]
		scale := 100_000_000
		for len(rest) > 0 && rest[0]-'0' <= 9 {
			nanos += int(rest[0]-'0') * scale
			scale /= 10
			rest = rest[1:]
		}
	}
	offset, ok := parseOffset(rest)
	if bad || !ok || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 60 {
		return time.Time{}, false
	}
	return time.Date(year, time.Month(month), day, hour, minute, second-offset, nanos, time.UTC), true
}

// parseOffset reads Z, +02:00, +0200, +02 or nothing, and returns seconds.
func parseOffset(t text) (seconds int, ok bool) {
	if len(t) == 0 || len(t) == 1 && t[0]|0x20 == 'z' {
		return 0, true
	}
	if t[0] != '+' && t[0] != '-' {
		return 0, false
	}
	var d [4]int
	n := 0
	for _, c := range t[1:] {
		if c == ':' && n == 2 {
			continue
		}
		if c-'0' > 9 || n == len(d) {
			return 0, false
		}
		d[n] = int(c - '0')
		n++
	}
	if n != 2 && n != 4 {
		return 0, false
	}
	seconds = (d[0]*10+d[1])*3600 + (d[2]*10+d[3])*60
	if t[0] == '-' {
		seconds = -seconds
	}
	return seconds, seconds > -24*3600 && seconds < 24*3600
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	default:
		return 31
	}
}

// appendTime writes a time in UTC with microseconds, or with nanoseconds where
// it has them.
func appendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = append(dst, byte('0'+year/1000%10), byte('0'+year/100%10))
	dst = append(appendTwo(dst, year%100), '-')
	dst = append(appendTwo(dst, int(month)), '-')
	dst = append(appendTwo(dst, day), 'T')
	dst = append(appendTwo(dst, hour), ':')
	dst = append(appendTwo(dst, minute), ':')
	dst = append(appendTwo(dst, second), '.')
	n := t.Nanosecond()
	for _, two := range [...]int{n / 10_000_000, n / 100_000, n / 1000} {
		dst = appendTwo(dst, two%100)
	}
	if n %= 1000; n > 0 {
		dst = append(appendTwo(dst, n/10), byte('0'+n%10))
	}
	return append(dst, 'Z')
}

// appendSameTime writes a time, which was read from written: as it is, where it
// is written just so already.
func appendSameTime(dst []byte, t time.Time, written text) []byte {
	if len(written) == len("2006-01-02T15:04:05.000000Z") && written[10] == 'T' && written[26] == 'Z' && written[19] == '.' && written[17] != '6' {
		return append(dst, written...)
	}
	return appendTime(dst, t)
}

func appendTwo(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/10%10), byte('0'+n%10))
}
