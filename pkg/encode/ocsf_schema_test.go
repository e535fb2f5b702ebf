package encode_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"testing"
)

// ocsfSchema is OCSF as compiled in testdata/ocsf-1.8.0.
type ocsfSchema struct {
	Version string                 `json:"ocsf_version"`
	Classes map[string]*ocsfObject `json:"classes"`
	Objects map[string]*ocsfObject `json:"objects"`
	Types   map[string]*ocsfScalar `json:"types"`
}

// ocsfObject is a class or an object.
type ocsfObject struct {
	Profiles    []string            `json:"profiles"`
	Constraints map[string][]string `json:"constraints"`
	Attributes  []*ocsfAttribute    `json:"attributes"`

	byName map[string]*ocsfAttribute
}

type ocsfAttribute struct {
	Name        string            `json:"name"`
	Type        string            `json:"type"`
	ObjectType  string            `json:"object_type"`
	IsArray     bool              `json:"is_array"`
	Requirement string            `json:"requirement"`
	Profile     []string          `json:"profile"`
	Enum        map[string]string `json:"enum"`
	Sibling     string            `json:"sibling"`
}

type ocsfScalar struct {
	Type   string    `json:"type"`
	Regex  string    `json:"regex"`
	MaxLen int       `json:"max_len"`
	Range  []float64 `json:"range"`

	pattern *regexp.Regexp
}

func loadOCSF(t testing.TB) *ocsfSchema {
	t.Helper()
	packed, err := os.ReadFile("testdata/ocsf-1.8.0/schema.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	s := &ocsfSchema{}
	if err := json.NewDecoder(r).Decode(s); err != nil {
		t.Fatal(err)
	}
	for _, all := range []map[string]*ocsfObject{s.Classes, s.Objects} {
		for _, o := range all {
			o.byName = map[string]*ocsfAttribute{}
			for _, a := range o.Attributes {
				o.byName[a.Name] = a
			}
		}
	}
	for name, scalar := range s.Types {
		if scalar.Regex != "" {
			pattern, err := regexp.Compile(scalar.Regex)
			if err != nil {
				t.Fatalf("type %s: %v", name, err)
			}
			scalar.pattern = pattern
		}
	}
	return s
}

// validation collects what is wrong with one event.
type validation struct {
	schema   *ocsfSchema
	profiles []string
	problems []string
}

// validate checks an event: its class, required attributes, constraints, types,
// enums, profiles and the captions beside enums.
func (s *ocsfSchema) validate(line []byte) []string {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	var e map[string]any
	if err := dec.Decode(&e); err != nil {
		return []string{err.Error()}
	}
	v := &validation{schema: s}
	if d := duplicates(line); d != "" {
		v.fail("", "member %s twice", d)
	}
	class := s.Classes[fmt.Sprint(e["class_uid"])]
	if class == nil {
		return []string{fmt.Sprintf("class_uid %v is unknown", e["class_uid"])}
	}
	metadata, _ := e["metadata"].(map[string]any)
	if metadata["version"] != s.Version {
		v.fail("metadata.version", "is %v, want %s", metadata["version"], s.Version)
	}
	profiles, _ := metadata["profiles"].([]any)
	for _, p := range profiles {
		name, _ := p.(string)
		if !slices.Contains(class.Profiles, name) {
			v.fail("metadata.profiles", "%s is none of the class", name)
		}
		v.profiles = append(v.profiles, name)
	}
	v.object("", class, e)
	classUID, activity, typeUID := number(e["class_uid"]), number(e["activity_id"]), number(e["type_uid"])
	if typeUID != classUID*100+activity {
		v.fail("type_uid", "is %d, want %d", typeUID, classUID*100+activity)
	}
	sort.Strings(v.problems)
	return v.problems
}

func number(v any) int64 {
	n, _ := v.(json.Number)
	i, _ := n.Int64()
	return i
}

func (v *validation) fail(path, format string, args ...any) {
	v.problems = append(v.problems, path+": "+fmt.Sprintf(format, args...))
}

func (v *validation) legal(a *ocsfAttribute) bool {
	return len(a.Profile) == 0 || slices.ContainsFunc(a.Profile, func(p string) bool { return slices.Contains(v.profiles, p) })
}

func (v *validation) object(path string, o *ocsfObject, value map[string]any) {
	for name, member := range value {
		at := path + "." + name
		a := o.byName[name]
		switch {
		case a == nil:
			v.fail(at, "is no attribute")
			continue
		case !v.legal(a):
			v.fail(at, "needs one of the profiles %v", a.Profile)
		}
		v.attribute(at, a, member)
		if a.Sibling != "" && !a.IsArray {
			v.sibling(at, a, member, value)
		}
	}
	for _, a := range o.Attributes {
		if _, there := value[a.Name]; !there && a.Requirement == "required" && v.legal(a) {
			v.fail(path+"."+a.Name, "is required")
		}
	}
	for constraint, names := range o.Constraints {
		n := 0
		for _, name := range names {
			if _, there := value[name]; there {
				n++
			}
		}
		if n == 0 || constraint == "just_one" && n > 1 {
			v.fail(path, "%s of %v: there are %d", constraint, names, n)
		}
	}
}

// sibling checks the caption beside an enum: the schema's, or for Other the
// source's own word.
func (v *validation) sibling(path string, a *ocsfAttribute, id any, parent map[string]any) {
	caption, there := parent[a.Sibling]
	want := a.Enum[fmt.Sprint(id)]
	if fmt.Sprint(id) == "99" && a.Name != "type_uid" {
		if !there || caption == "" {
			v.fail(path, "is 99, but %s does not say what", a.Sibling)
		}
		return
	}
	if there && want != "" && caption != want {
		v.fail(path, "is %v, but %s is %q instead of %q", id, a.Sibling, caption, want)
	}
}

func (v *validation) attribute(path string, a *ocsfAttribute, value any) {
	if !a.IsArray {
		v.value(path, a, value)
		return
	}
	list, ok := value.([]any)
	if !ok {
		v.fail(path, "is no array")
		return
	}
	for i, element := range list {
		v.value(path+"["+strconv.Itoa(i)+"]", a, element)
	}
}

func (v *validation) value(path string, a *ocsfAttribute, value any) {
	if a.Type == "object_t" {
		object, ok := value.(map[string]any)
		if !ok {
			v.fail(path, "is no object")
			return
		}
		if len(object) == 0 {
			v.fail(path, "is empty")
		}
		if a.ObjectType != "object" {
			v.object(path, v.schema.Objects[a.ObjectType], object)
		}
		return
	}
	v.scalar(path, a.Type, value)
	if len(a.Enum) > 0 {
		if _, known := a.Enum[fmt.Sprint(value)]; !known {
			v.fail(path, "%v is not in the enum", value)
		}
	}
}

func (v *validation) scalar(path, typeName string, value any) {
	scalar := v.schema.Types[typeName]
	if scalar == nil {
		v.fail(path, "has the unknown type %s", typeName)
		return
	}
	base := typeName
	if scalar.Type != "" {
		base = scalar.Type
	}
	switch base {
	case "string_t":
		s, ok := value.(string)
		switch {
		case !ok:
			v.fail(path, "%v is no string", value)
		case s == "":
			v.fail(path, "is empty")
		case scalar.pattern != nil && !scalar.pattern.MatchString(s):
			v.fail(path, "%q does not fit %s", s, typeName)
		case scalar.MaxLen > 0 && len(s) > scalar.MaxLen:
			v.fail(path, "is longer than %d", scalar.MaxLen)
		}
	case "integer_t", "long_t":
		n, ok := value.(json.Number)
		i, err := n.Int64()
		switch {
		case !ok || err != nil:
			v.fail(path, "%v is no whole number", value)
		case len(scalar.Range) == 2 && (float64(i) < scalar.Range[0] || float64(i) > scalar.Range[1]):
			v.fail(path, "%v is out of range", value)
		}
	case "float_t":
		n, ok := value.(json.Number)
		f, err := n.Float64()
		if !ok || err != nil || math.IsInf(f, 0) {
			v.fail(path, "%v is no number", value)
		}
	case "boolean_t":
		if _, ok := value.(bool); !ok {
			v.fail(path, "%v is neither true nor false", value)
		}
	case "json_t":
	default:
		v.fail(path, "has the unknown base type %s", base)
	}
}

// duplicates gives a name that an object of line has twice; "" where there is
// none. encoding/json would take the last one without a word.
func duplicates(line []byte) string {
	dec := json.NewDecoder(bytes.NewReader(line))
	type level struct {
		names  map[string]bool
		isName bool
	}
	var stack []level
	for {
		token, err := dec.Token()
		if err != nil {
			return ""
		}
		top := len(stack) - 1
		switch token {
		case json.Delim('{'):
			if top >= 0 && stack[top].names != nil {
				stack[top].isName = true
			}
			stack = append(stack, level{map[string]bool{}, true})
			continue
		case json.Delim('['):
			if top >= 0 && stack[top].names != nil {
				stack[top].isName = true
			}
			stack = append(stack, level{})
			continue
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:top]
			continue
		}
		if top < 0 || stack[top].names == nil {
			continue
		}
		if name, ok := token.(string); ok && stack[top].isName {
			if stack[top].names[name] {
				return name
			}
			stack[top].names[name] = true
			stack[top].isName = false
			continue
		}
		stack[top].isName = true
	}
}
