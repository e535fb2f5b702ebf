package filter

import "strings"

// nearest gives the known field that a mistyped name most likely means; "" where
// none is close.
func nearest(name string) string {
	best, bestDistance := "", 1+len(name)/3
	for _, f := range Fields() {
		d := distance(name, f.Name)
		if d < bestDistance || d == bestDistance && best == "" {
			best, bestDistance = f.Name, d
		}
	}
	if best != "" {
		return best
	}
	_, last, _ := cutLast(name)
	for _, f := range Fields() { // the right name under the wrong parent
		if f.Name == "event."+last {
			return f.Name
		}
		if strings.HasSuffix(f.Name, "."+last) && (best == "" || len(f.Name) < len(best)) {
			best = f.Name
		}
	}
	return best
}

func cutLast(name string) (parent, last string, dotted bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}

// distance is the Levenshtein distance of two names in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
