package elasticsearch

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// target is where events go: one data stream, one index, or one index a date.
type target struct {
	stream bool
	before string // all of the name where it has no date
	layout string // Go's, empty where the name has no date
	after  string
}

// parseTarget reads a name with at most one %{+yyyy.MM.dd}.
func parseTarget(name string, stream bool) (target, error) {
	before, rest, dated := strings.Cut(name, "%{+")
	t := target{stream: stream, before: before}
	if dated {
		pattern, after, closed := strings.Cut(rest, "}")
		if !closed || strings.Contains(after, "%{") {
			return t, fmt.Errorf("%q: a date is written as %%{+yyyy.MM.dd}, once", name)
		}
		layout, err := goLayout(pattern)
		if err != nil {
			return t, err
		}
		t.layout, t.after = layout, after
	}
	switch {
	case stream && dated:
		return t, errors.New("a data stream has no date in its name; use index for that")
	case before == "":
		return t, fmt.Errorf("%q: must begin with a fixed name", name)
	}
	if err := validName(t.name(time.Unix(0, 0))); err != nil {
		return t, fmt.Errorf("%q: %w", name, err)
	}
	return t, nil
}

// goLayout turns yyyy.MM.dd into Go's 2006.01.02.
func goLayout(pattern string) (string, error) {
	layout := strings.NewReplacer("yyyy", "2006", "MM", "01", "dd", "02", "HH", "15").Replace(pattern)
	if i := strings.IndexFunc(layout, func(r rune) bool { return !strings.ContainsRune("0123456789.-_", r) }); i >= 0 || pattern == "" {
		return "", fmt.Errorf("date %q: only yyyy, MM, dd, HH and . - _ are known", pattern)
	}
	return layout, nil
}

// validName keeps the rules of index names (Elasticsearch, create index API).
func validName(name string) error {
	switch {
	case name != strings.ToLower(name):
		return errors.New("must be in lower case")
	case strings.ContainsAny(name, "\\/*?\"<>| ,#:"):
		return errors.New(`must not contain \ / * ? " < > | , # : or a space`)
	case strings.ContainsAny(name[:1], "-_+"):
		return errors.New("must not begin with - _ or +")
	case len(name) > 255:
		return errors.New("must not be longer than 255 bytes")
	default:
		return nil
	}
}

// name is the name for an event of that time.
func (t target) name(occurred time.Time) string {
	if t.layout == "" {
		return t.before
	}
	return t.before + occurred.UTC().Format(t.layout) + t.after
}

// appendName is name without the string.
func (t target) appendName(dst []byte, occurred time.Time) []byte {
	dst = append(dst, t.before...)
	if t.layout == "" {
		return dst
	}
	return append(occurred.UTC().AppendFormat(dst, t.layout), t.after...)
}

// pattern matches every index of the target.
func (t target) pattern() string {
	if t.layout == "" {
		return t.before
	}
	return t.before + "*" + t.after
}

// label names the target in templates: without what only a pattern may have.
func (t target) label() string {
	return strings.Trim(strings.ReplaceAll(t.pattern(), "*", ""), "-_.")
}
