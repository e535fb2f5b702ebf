package filter

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/expr-lang/expr"
)

// functionNames are the functions that we add to the language.
var functionNames = []string{"cidr", "like"}

// loaders are the functions that a field of a kind becomes a call of. No
// expression can name them: $ begins no identifier of a field.
var loaders = map[kind]string{text: "$text", list: "$list", number: "$number", open: "$any"}

func functions() []expr.Option {
	return []expr.Option{
		expr.Function("$test", func(p ...any) (any, error) {
			l, i := at(p)
			return l.filter.tests[i](l), nil
		}, new(func(any, int) bool)),
		expr.Function("$text", func(p ...any) (any, error) { l, r := field(p); return l.text(r), nil }, new(func(any, int) string)),
		expr.Function("$list", func(p ...any) (any, error) { l, r := field(p); return l.list(r), nil }, new(func(any, int) []string)),
		expr.Function("$number", func(p ...any) (any, error) { l, r := field(p); return l.number(r), nil }, new(func(any, int) int)),
		expr.Function("$any", func(p ...any) (any, error) { l, r := field(p); return l.any(r), nil }, new(func(any, int) any)),
		expr.Function("$has", func(p ...any) (any, error) { return has(p[0], p[1]), nil }, new(func(any, any) bool)),
		expr.Function("$compare", func(p ...any) (any, error) { return compare(p[0], words(p[1]), p[2]), nil }, new(func(any, string, any) bool)),
		expr.Function("cidr", cidr, new(func(any, string, ...string) bool)),
		expr.Function("like", func(p ...any) (any, error) { return like(words(p[0]), words(p[1])), nil }, new(func(any, string) bool)),
	}
}

func field(p []any) (*lookup, ref) {
	l, i := at(p)
	return l, l.filter.fields[i]
}

// at takes the arguments that the compiler gives our functions.
func at(p []any) (*lookup, int) {
	l, _ := p[0].(*lookup)
	i, _ := p[1].(int)
	return l, i
}

// has asks for an element of a list, a name of an object, or a part of a text.
func has(in, want any) bool {
	switch in := in.(type) {
	case string:
		part, ok := want.(string)
		return ok && strings.Contains(in, part)
	case []string:
		for _, s := range in {
			if s == want {
				return true
			}
		}
	case []any:
		for _, v := range in {
			if comparable(v) && v == want {
				return true
			}
		}
	case map[string]any:
		name, ok := want.(string)
		_, there := in[name]
		return ok && there
	}
	return false
}

func comparable(v any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return false
	}
	return true
}

// compare is false where the types of the values do not fit.
func compare(a any, operator string, b any) bool {
	if x, ok := a.(string); ok {
		y, ok := b.(string)
		return ok && compareText(x, operator, y)
	}
	x, okX := float(a)
	y, okY := float(b)
	return okX && okY && ordered(x, operator, y)
}

func compareText(x, operator, y string) bool {
	switch operator {
	case "startsWith":
		return strings.HasPrefix(x, y)
	case "endsWith":
		return strings.HasSuffix(x, y)
	case "matches":
		matched, err := regexp.MatchString(y, x)
		return err == nil && matched
	}
	return ordered(x, operator, y)
}

func ordered[T cmp.Ordered](x T, operator string, y T) bool {
	switch operator {
	case "<":
		return x < y
	case "<=":
		return x <= y
	case ">":
		return x > y
	case ">=":
		return x >= y
	}
	return false
}

func float(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

func words(v any) string {
	s, _ := v.(string)
	return s
}

// cidr asks whether an address is in one of the networks.
func cidr(p ...any) (any, error) {
	address, err := netip.ParseAddr(words(p[0]))
	if err != nil {
		return false, nil //nolint:nilerr // an event without an address is in no network
	}
	for _, network := range p[1:] {
		prefix, err := netip.ParsePrefix(words(network))
		if err != nil {
			return false, fmt.Errorf("cidr: %w", err)
		}
		if prefix.Contains(address.Unmap()) {
			return true, nil
		}
	}
	return false, nil
}

// like matches a whole text with a pattern in which * stands for any text and ?
// for one byte. Case counts.
func like(s, pattern string) bool {
	i, j, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case j < len(pattern) && pattern[j] == '*':
			star, mark = j, i
			j++
		case j < len(pattern) && (pattern[j] == '?' || pattern[j] == s[i]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = mark, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[j:], "*") == ""
}
