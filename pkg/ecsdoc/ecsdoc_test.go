package ecsdoc_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/shiplog/shiplog/pkg/ecsdoc"
)

func TestRead(t *testing.T) {
	paths := ecsdoc.NewPaths("event.action", "user.name", "user.target.id", "event.category", "prefect", "prefect.a.b")
	tests := map[string]struct {
		doc  string
		want []string // "-": missing
	}{
		"nested":        {`{"event":{"original":"{\"event\":1}\\","action":"x","category":["a","b"]},"user":{"name":"n","target":{"id":"7"}}}`, []string{`"x"`, `"n"`, `"7"`, `["a","b"]`, "-", "-"}},
		"dotted":        {`{"event.action":"x","user.target":{"id":7},"user":{"target.id":8}}`, []string{`"x"`, "-", "8", "-", "-", "-"}},
		"spaces":        {"{ \"event\" :\t{ \"action\"\n: \"x\" , \"category\" : [ ] } }", []string{`"x"`, "-", "-", "[ ]", "-", "-"}},
		"object inside": {`{"prefect":{"a":{"b":1,"c":{}}}}`, []string{"-", "-", "-", "-", `{"a":{"b":1,"c":{}}}`, "1"}},
		"last counts":   {`{"user":{"name":"1","name":"2"},"z":1}`, []string{"-", `"2"`, "-", "-", "-", "-"}},
		"other types":   {`{"event":5,"user":{"name":null,"target":[1]}}`, []string{"-", "null", "-", "-", "-", "-"}},
		"empty":         {`{}`, []string{"-", "-", "-", "-", "-", "-"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			values := make([]ecsdoc.Value, paths.Len())
			if err := paths.Read([]byte(tt.doc), values); err != nil {
				t.Fatal(err)
			}
			for i, want := range tt.want {
				got := string(values[i])
				if values[i] == nil {
					got = "-"
				}
				if got != want {
					t.Errorf("field %d: got %s, want %s", i, got, want)
				}
			}
		})
	}
}

func TestReadRest(t *testing.T) {
	paths := ecsdoc.NewPaths("event.action", "user.target.id", "prefect.payload")
	doc := `{"event":{"action":"x","kind":"e"},"user":{"target":{"id":1,"name":"n"},"name":"m"},"user.target.roles":[],"labels":{"a":"b"},"prefect":{"payload":{"x":1}}}`
	var got []string
	err := paths.ReadRest([]byte(doc), make([]ecsdoc.Value, paths.Len()), func(parent ecsdoc.Parent, name []byte, v ecsdoc.Value) {
		got = append(got, string(parent.AppendTo(nil))+string(name)+"="+string(v))
	})
	want := `event.kind="e" user.target.name="n" user.name="m" user.target.roles=[] labels={"a":"b"}`
	if err != nil || strings.Join(got, " ") != want {
		t.Errorf("got  %s, %v\nwant %s", strings.Join(got, " "), err, want)
	}
}

func TestReadMalformed(t *testing.T) {
	paths := ecsdoc.NewPaths("a.b", "c")
	for _, doc := range []string{``, `[]`, `{`, `{"a"`, `{"a":`, `{"a":{`, `{"a":{"b":1}`, `{"a":"x`, `{"x":[1,{]`, `{"x":1 "y":2}`, `{x:1}`, `{"a":}`} {
		if err := paths.Read([]byte(doc), make([]ecsdoc.Value, 2)); err == nil {
			t.Errorf("Read(%s) gave no error", doc)
		}
	}
}

func TestText(t *testing.T) {
	tests := map[string]string{
		`"plain"`: "plain", `""`: "", `null`: "", `5`: "5", `true`: "true", `[]`: "", `["a"]`: `["a"]`,
		`"a\"b\\c\/\b\f\n\r\t"`: "a\"b\\c/\b\f\n\r\t", `"\u00e9\u20AC"`: "é€", `"\ud83d\ude00"`: "😀",
		`"\ud83d!"`: "\ufffd!", `"\ude00"`: "\ufffd", `"\ud83d\u0041"`: "\ufffdA", `"\x\u12"`: `\x\u12`,
		`"a long text of more than one word \" and \u0041 after"`: `a long text of more than one word " and A after`,
	}
	for in, want := range tests {
		if got := ecsdoc.Value(in).Text(); got != want {
			t.Errorf("Text(%s) = %q, want %q", in, got, want)
		}
		if got := string(ecsdoc.Value(in).AppendText([]byte("> "))); got != "> "+want {
			t.Errorf("AppendText(%s) = %q, want %q", in, got, "> "+want)
		}
	}
}

// What encoding/json reads of a string, we read too.
func FuzzAppendUnescaped(f *testing.F) {
	for _, seed := range []string{`a`, `\"`, `\u00e9\ud83d\ude00\ud83d`, `12345678\n12345678\\`, `\\\\\\\\\"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := string(ecsdoc.AppendUnescaped([]byte("x"), []byte(s)))
		var want string
		if json.Unmarshal([]byte(`"`+s+`"`), &want) != nil || strings.Contains(want, "\ufffd") {
			return // no JSON string, or one that is not UTF-8
		}
		if got != "x"+want {
			t.Errorf("AppendUnescaped(%q) = %q, want %q", s, got, want)
		}
	})
}

// Whatever the bytes are, reading ends; of a JSON object it finds what
// encoding/json finds.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{`{"a":{"b":"c"}}`, `{"a":[1,{"b":2}],"x":"\\"}`, `{"a":{"b":{"c":[]}},"a.b":1}`, `{`, `{"a":"\"}`} {
		f.Add([]byte(seed))
	}
	paths := ecsdoc.NewPaths("a.b", "x")
	f.Fuzz(func(t *testing.T, doc []byte) {
		values := make([]ecsdoc.Value, paths.Len())
		err := paths.ReadRest(doc, values, func(ecsdoc.Parent, []byte, ecsdoc.Value) {})
		for _, v := range values {
			_ = v.Text()
			_ = v.Number()
			for range v.Elements {
				continue
			}
			for range v.Members {
				continue
			}
		}
		var object map[string]json.RawMessage
		if json.Unmarshal(doc, &object) == nil && object != nil && err != nil {
			t.Errorf("Read(%s): %v", doc, err)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	original := strings.Repeat(`\"prefect.resource.id\":\"prefect-cloud.actor.8413b8c0\",`, 20)
	doc := []byte(`{"event":{"original":"` + original + `","action":"x","category":["iam"]},"user":{"id":"1","name":"ana"},"shiplog":{"source":"cloud"}}`)
	paths := ecsdoc.NewPaths("event.category", "user.name")
	values := make([]ecsdoc.Value, paths.Len())
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if err := paths.Read(doc, values); err != nil {
			b.Fatal(err)
		}
	}
}
