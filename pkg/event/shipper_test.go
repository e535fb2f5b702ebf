package event

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAppendDocNamesTheShipper(t *testing.T) {
	by := NewShipper("a-1", `host "one"`, "1.2", "j-1")
	const ours = `{"id":"a-1","name":"host \"one\"","type":"shiplog","version":"1.2"}`
	const original = `{"event":{"original":"{\"agent\":{\"id\":\"fake\"}}","id":"e"},`
	for name, row := range map[string]struct {
		by        *Shipper
		doc, want string // want: the agent object
	}{
		"nobody ships it":       {nil, original + `"shiplog":{"source":"s"}}`, ""},
		"no agent of its own":   {by, original + `"shiplog":{"source":"s"}}`, ours},
		"an agent further down": {by, original + `"prefect":{"payload":{"agent":{"id":"deep"}}},"shiplog":{"source":"s"}}`, ours},
		"an agent upstream":     {by, original + `"agent":{"id":"beat","type":"filebeat"},"shiplog":{"source":"s"}}`, `{"id":"beat","type":"filebeat"}`},
		"a name that was set":   {by, original + `"agent":{"name":"edge-7"},"shiplog":{"source":"s"}}`, `{"id":"a-1","type":"shiplog","version":"1.2","name":"edge-7"}`},
		"an empty agent":        {by, original + `"agent":{},"shiplog":{"source":"s"}}`, ours},
		"an agent that is text": {by, original + `"agent":"x","shiplog":{"source":"s"}}`, `"x"`},
		"no host's name":        {NewShipper("a-1", "", "", "j-1"), original + `"shiplog":{"source":"s"}}`, `{"id":"a-1","type":"shiplog"}`},
		"no id yet":             {NewShipper("", "host", "1", ""), original + `"shiplog":{"source":"s"}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := Event{Envelope: Envelope{Sequence: 7}, Doc: []byte(row.doc)}
			got := e.AppendDoc([]byte("x"), Delivery{Number: 3, By: row.by})[1:]
			var doc struct {
				Event   struct{ Sequence int }
				Agent   json.RawMessage
				Shiplog struct {
					Source, Journal string
					Delivery        int
				}
			}
			if err := json.Unmarshal(got, &doc); err != nil {
				t.Fatalf("%s: %v", got, err)
			}
			if n := strings.Count(string(got), `,"agent":`); n > 1 && name != "an agent further down" {
				t.Errorf("%d agents in %s", n, got)
			}
			if string(doc.Agent) != row.want {
				t.Errorf("got agent %s, want %s", doc.Agent, row.want)
			}
			journal := ""
			if row.by != nil {
				journal = row.by.Journal
			}
			if doc.Event.Sequence != 7 || doc.Shiplog.Delivery != 3 || doc.Shiplog.Source != "s" || doc.Shiplog.Journal != journal {
				t.Errorf("got %s", got)
			}
		})
	}
}

// Whatever the document holds, the result is JSON in which no object has a name
// twice.
func FuzzAppendDoc(f *testing.F) {
	for _, s := range []string{`1`, `{"agent":{}}`, `{"id":1}`, `"agent\":{"`, `{"name":"x","type":[{"id":2}]}`} {
		f.Add(s, s)
	}
	by := NewShipper("a", "n", "v", "j")
	f.Fuzz(func(t *testing.T, agent, other string) {
		text := func(s string) string {
			var v any
			if json.Unmarshal([]byte(s), &v) != nil {
				v = s
			}
			b, _ := json.Marshal(v)
			return string(b)
		}
		e := Event{Doc: []byte(`{"event":{"original":` + text(other) + `},"other":` + text(other) + `,"agent":` + text(agent) + `,"shiplog":{"source":"s"}}`)}
		got := e.AppendDoc(nil, Delivery{Number: 1, By: by})
		var doc map[string]json.RawMessage
		if err := json.Unmarshal(got, &doc); err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		again, _ := json.Marshal(doc)
		if len(doc) != 4 || len(again) != len(got) {
			t.Fatalf("%s has a name twice: %s", got, again)
		}
		var before, after map[string]any
		if json.Unmarshal([]byte(text(agent)), &before) != nil || before == nil {
			return
		}
		if err := json.Unmarshal(doc["agent"], &after); err != nil {
			t.Fatal(err)
		}
		for k := range before {
			if _, ok := after[k]; !ok {
				t.Errorf("%s has lost agent.%s", got, k)
			}
		}
	})
}

func BenchmarkAppendDoc(b *testing.B) {
	doc := `{"event":{"original":"` + strings.Repeat(`{\"resource\":\"prefect-cloud.user\",\"event\":\"prefect-cloud.user.logged-in\",\"email\":\"ana@example.com\"},`, 30) +
		`","id":"e"},"user":{"id":"u"},"user_agent":{"original":"Mozilla/5.0"},"shiplog":{"source":"s"}}`
	by := NewShipper("00000000-0000-4000-8000-000000000000", "host", "1.2", "00112233445566778899aabbccddeeff")
	for name, row := range map[string]struct {
		by  *Shipper
		doc string
	}{
		"nobody":  {nil, doc},
		"shipper": {by, doc},
		"named":   {by, strings.Replace(doc, `"user":`, `"agent":{"name":"x"},"user":`, 1)},
	} {
		b.Run(name, func(b *testing.B) {
			e := Event{Envelope: Envelope{Sequence: 1 << 20}, Doc: []byte(row.doc)}
			b.SetBytes(int64(len(e.Doc)))
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				dst = e.AppendDoc(dst[:0], Delivery{Number: 1 << 20, By: row.by})
			}
		})
	}
}
