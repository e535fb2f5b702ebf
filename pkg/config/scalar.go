package config

import (
	"encoding"
	"math"
	"reflect"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// text resolves a scalar.
func (d *decoder) text(n *yaml.Node, at place) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		d.mistype(n, at, "a single value")
		return "", false
	}
	text, err := expand(n.Value)
	if err != nil {
		d.failAll(n, at, err)
		return "", false
	}
	return text, true
}

// scalar decodes into the kinds of a single value.
func (d *decoder) scalar(n *yaml.Node, at place, v reflect.Value, tag reflect.StructTag) {
	text, ok := d.text(n, at)
	if !ok {
		return
	}
	switch {
	case v.Kind() == reflect.String:
		v.SetString(text)
		d.oneOf(n, at, text, tag)
		return
	case n.ShortTag() == "!!str" && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 && !interpolated(n.Value):
		d.fail(n, at.path, "%s is needed here, not a text; remove the quotes", wanted(v.Kind()))
		return
	}
	if !setNumber(v, strings.TrimSpace(text)) {
		if interpolated(n.Value) {
			d.fail(n, at.path, "%s is needed here; %s does not resolve to one", wanted(v.Kind()), n.Value)
			return
		}
		d.fail(n, at.path, "%s is needed here, not %q", wanted(v.Kind()), text)
		return
	}
	d.bounds(n, at, v, tag)
}

// setNumber parses text as v's kind.
func setNumber(v reflect.Value, text string) bool {
	switch {
	case v.Kind() == reflect.Bool:
		switch strings.ToLower(text) {
		case "true", "yes", "on":
			v.SetBool(true)
		case "false", "no", "off":
			v.SetBool(false)
		default:
			return false
		}
		return true
	case v.CanInt():
		i, err := strconv.ParseInt(text, 0, v.Type().Bits())
		v.SetInt(i)
		return err == nil
	case v.CanUint():
		u, err := strconv.ParseUint(text, 0, v.Type().Bits())
		v.SetUint(u)
		return err == nil
	case v.CanFloat():
		f, err := strconv.ParseFloat(text, v.Type().Bits())
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return false
		}
		v.SetFloat(f)
		return true
	default:
		return false
	}
}

func wanted(k reflect.Kind) string {
	switch k {
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number of at least 0"
	default:
		return "a whole number"
	}
}

// oneOf enforces the enum tag.
func (d *decoder) oneOf(n *yaml.Node, at place, text string, tag reflect.StructTag) {
	list, ok := tag.Lookup("enum")
	if !ok {
		return
	}
	allowed := strings.Split(list, ",")
	for _, a := range allowed {
		if a == text {
			return
		}
	}
	if interpolated(n.Value) {
		d.fail(n, at.path, "%s resolves to none of %s", n.Value, strings.Join(allowed, ", "))
		return
	}
	d.failNear(Nearest(text, allowed), n, at.path, "%q is none of %s", text, strings.Join(allowed, ", "))
}

// bounds enforces the min and max tags.
func (d *decoder) bounds(n *yaml.Node, at place, v reflect.Value, tag reflect.StructTag) {
	for _, name := range []string{"min", "max"} {
		text, ok := tag.Lookup(name)
		if !ok {
			continue
		}
		limit := reflect.New(v.Type())
		if u, ok := limit.Interface().(encoding.TextUnmarshaler); ok {
			if u.UnmarshalText([]byte(text)) != nil {
				continue
			}
		} else if !setNumber(limit.Elem(), text) {
			continue
		}
		switch c := compare(v, limit.Elem()); {
		case name == "min" && c < 0:
			d.fail(n, at.path, "%s is too small; at least %s", n.Value, text)
		case name == "max" && c > 0:
			d.fail(n, at.path, "%s is too large; at most %s", n.Value, text)
		}
	}
}

func compare(a, b reflect.Value) int {
	var x, y float64
	switch {
	case a.CanInt():
		x, y = float64(a.Int()), float64(b.Int())
	case a.CanUint():
		x, y = float64(a.Uint()), float64(b.Uint())
	case a.CanFloat():
		x, y = a.Float(), b.Float()
	}
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	default:
		return 0
	}
}
