package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes of at least 0, written as a whole number, or as a
// number with KiB, MiB or GiB.
type Size int64

// The units that a Size is written with.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
)

// ParseSize reads a size.
func ParseSize(text string) (Size, error) {
	s := strings.TrimSpace(text)
	number := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	name := s[len(number):]
	number = strings.TrimSpace(number)
	var unit Size
	switch name {
	case "", "B":
		unit = 1
	case "KiB":
		unit = KiB
	case "MiB":
		unit = MiB
	case "GiB":
		unit = GiB
	default:
		return 0, badSize(text, number, name)
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil && n >= 0 {
		if n > math.MaxInt64/int64(unit) {
			return 0, fmt.Errorf("%q is larger than any disk", text)
		}
		return Size(n) * unit, nil
	}
	f, err := strconv.ParseFloat(number, 64)
	switch {
	case strings.HasPrefix(number, "-"):
		return 0, fmt.Errorf("%q is negative; a size is at least 0", text)
	case err != nil || unit == 1 || math.IsNaN(f):
		return 0, badSize(text, number, name)
	case f*float64(unit) >= math.MaxInt64:
		return 0, fmt.Errorf("%q is larger than any disk", text)
	}
	return Size(f * float64(unit)), nil
}

// badSize names the unit that was meant where that is clear.
func badSize(text, number, unit string) error {
	if _, err := strconv.ParseFloat(number, 64); err == nil && unit != "" {
		switch strings.ToUpper(unit[:1]) {
		case "K", "M", "G":
			return fmt.Errorf("%q is not a size; write %s%siB", text, number, strings.ToUpper(unit[:1]))
		}
	}
	return fmt.Errorf("%q is not a size; write bytes, or a number with KiB, MiB or GiB", text)
}

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(text []byte) error {
	parsed, err := ParseSize(string(text))
	if err == nil {
		*s = parsed
	}
	return err
}

// String writes the size in the largest unit that leaves no remainder.
func (s Size) String() string {
	switch {
	case s != 0 && s%GiB == 0:
		return strconv.FormatInt(int64(s/GiB), 10) + "GiB"
	case s != 0 && s%MiB == 0:
		return strconv.FormatInt(int64(s/MiB), 10) + "MiB"
	case s != 0 && s%KiB == 0:
		return strconv.FormatInt(int64(s/KiB), 10) + "KiB"
	default:
		return strconv.FormatInt(int64(s), 10)
	}
}

// MarshalText writes the size as String does.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
