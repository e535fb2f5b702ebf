package filter

import (
	"strings"

	"github.com/shiplog/shiplog/pkg/config"
)

// Nearest gives the known field that a mistyped name most likely means; "" where
// none is close.
func Nearest(name string) string {
	fields := Fields()
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	if near := config.Nearest(name, names); near != "" {
		return near
	}
	best, last := "", name[strings.LastIndexByte(name, '.')+1:]
	for _, known := range names { // the right name under the wrong parent
		if known == "event."+last {
			return known
		}
		if strings.HasSuffix(known, "."+last) && (best == "" || len(known) < len(best)) {
			best = known
		}
	}
	return best
}
