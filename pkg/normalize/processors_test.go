package normalize_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/normalize"
)

func processors(t testing.TB, yaml string) *normalize.Processors {
	t.Helper()
	s, err := config.ParseSection("test.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	p, err := normalize.CompileProcessors(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// processed is an event after processors, whose document must still be good.
func processed(t *testing.T, yaml, raw string) (event.Event, map[string]any) {
	t.Helper()
	n := newNormalizer(t, normalize.Options{Processors: processors(t, yaml), Failed: func(kind string) { t.Errorf("%s failed", kind) }})
	e, _, v, reason, err := n.Normalize(&event.Record{Raw: []byte(raw)}, readAt, nil)
	if v != normalize.Keep {
		t.Fatalf("got %d %s %v", v, reason, err)
	}
	original, _ := at(decode(t, e.Doc), "event.original").(string)
	doc := checkFrame(t, &e, []byte(original))
	for _, wrong := range readSchema(t).check(doc) {
		t.Error(wrong)
	}
	return e, doc
}

const loginOfAna = `{"id":"1","event":"prefect-cloud.user.logged-in","occurred":"2026-11-02T08:11:25Z",` +
	`"resource":{"prefect.resource.id":"prefect-cloud.user.u1","prefect.resource.name":"ana"},` +
	`"related":[{"prefect.resource.role":"actor","prefect.resource.id":"prefect-cloud.actor.a1","prefect.resource.name":"Ana Example",` +
	`"prefect-cloud.handle":"ana","prefect-cloud.email":"Ana@example.com"}],` +
	`"payload":{"ip":"192.0.2.7","note":"mail to \u0061na@example.com, from 192.0.2.7:443","ana@example.com":[1],"also":"banana","urls":"/?u=Ana%40example.com&n=Ana+Example, /Ana%20Example"},"account":"acc"}`

func TestDropAndKeep(t *testing.T) {
	tests := map[string]struct {
		yaml   string
		want   normalize.Verdict
		reason string
	}{
		"drop what matches":     {`[{drop: 'event.action endsWith "logged-in"'}]`, normalize.Drop, "drop"},
		"drop what does not":    {`[{drop: 'event.action == "other"'}]`, normalize.Keep, ""},
		"keep what matches":     {`[{keep: 'event.category contains "authentication"'}]`, normalize.Keep, ""},
		"keep nothing else":     {`[{keep: 'event.category contains "iam"'}]`, normalize.Drop, "keep"},
		"drop sees what is set": {`[{set: {labels.env: prod}}, {drop: 'labels.env == "prod"'}]`, normalize.Drop, "drop"},
		"and what is redacted":  {`[{redact: {fields: [user.email]}}, {drop: 'user.email == "***"'}]`, normalize.Drop, "drop"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			n := newNormalizer(t, normalize.Options{Processors: processors(t, tt.yaml)})
			_, _, v, reason, err := n.Normalize(&event.Record{Raw: []byte(loginOfAna)}, readAt, nil)
			if v != tt.want || reason != tt.reason || err != nil {
				t.Errorf("got %d %s %v, want %d %s", v, reason, err, tt.want, tt.reason)
			}
		})
	}
}

func TestRedact(t *testing.T) {
	mac := hmac.New(sha256.New, []byte("k"))
	mac.Write([]byte("Ana@example.com"))
	hashed := hex.EncodeToString(mac.Sum(nil))
	tests := map[string]struct {
		yaml string
		gone []string
		want map[string]string
	}{
		"hash": {`[{redact: {fields: [user.email], with: hash, key: k}}]`, []string{"ana@example.com"}, map[string]string{
			"user.email": quote(hashed), "message": quote(hashed + " logged in to account acc"),
			"related.user":         quoteList("a1", "ana", "Ana Example", hashed, "u1"),
			"prefect.payload.note": quote("mail to " + hashed + ", from 192.0.2.7:443"),
		}},
		"mask": {`[{redact: {fields: [user.email, user.full_name], with: mask}}]`, []string{"ana@example.com", "ana example"}, map[string]string{
			"user.email": `"***"`, "user.full_name": `"***"`, "user.name": `"ana"`,
		}},
		"remove": {`[{redact: {fields: [user.email], with: remove}}]`, []string{"ana@example.com"}, map[string]string{
			"user.email": "", "prefect.payload.note": `"mail to , from 192.0.2.7:443"`,
		}},
		"an IP field holds nothing else": {`[{redact: {fields: [source.ip]}}]`, []string{"192.0.2.7"}, map[string]string{
			"source.ip": "", "source.address": `"***"`, "client.ip": "", "related.ip": "", "prefect.payload.ip": `"***"`,
			"prefect.payload.note": `"mail to ana@example.com, from ***:443"`,
		}},
		"in URLs": {`[{redact: {fields: [user.email, user.full_name]}}]`, []string{"ana%40example.com", "ana+example", "ana%20example"}, map[string]string{
			"prefect.payload.urls": `"/?u=***&n=***, /***"`,
		}},
		"a short value only as a word": {`[{redact: {fields: [user.name]}}]`, []string{`"ana"`}, map[string]string{
			"user.name": `"***"`, "prefect.payload.also": `"banana"`, "user.full_name": `"*** Example"`,
		}},
		"what is not there": {`[{redact: {fields: [group.name]}}]`, nil, map[string]string{"user.name": `"ana"`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e, doc := processed(t, tt.yaml, loginOfAna)
			expect(t, doc, tt.want)
			everywhere := strings.ToLower(fmt.Sprintf("%s %s %+v", e.Doc, at(doc, "event.original"), e.Envelope))
			everywhere = strings.ReplaceAll(everywhere, `\u0061`, "a")
			for _, gone := range tt.gone {
				if strings.Contains(everywhere, gone) {
					t.Errorf("%s is still there: %s", gone, everywhere)
				}
			}
			if original, _ := at(doc, "event.original").(string); decode(t, []byte(original)) == nil {
				t.Error("the record is no JSON any more")
			}
		})
	}
}

func TestRedactANameOfTwoLines(t *testing.T) {
	_, doc := processed(t, `[{redact: {fields: [prefect.resource.name]}}]`, `{"id":"1","event":"prefect-cloud.webhook.deleted","resource":{"prefect.resource.name":"secret\nhook"}}`)
	expect(t, doc, map[string]string{"prefect.resource.name": `"***"`, "message": `"Webhook deleted: ***"`})
}

func TestRedactAnAddressSpelledOtherwise(t *testing.T) {
	e, doc := processed(t, `[{redact: {fields: [source.ip]}}]`, `{"id":"1","payload":{"ip":"[2001:DB8:0::7]:443","note":"from [2001:db8:0::7]:443"}}`)
	expect(t, doc, map[string]string{"source.ip": "", "source.address": `"***"`, "prefect.payload.note": `"from ***"`})
	if strings.Contains(strings.ToLower(string(e.Doc)), "2001:db8") {
		t.Errorf("the address is still there: %s", e.Doc)
	}
}

func quoteList(list ...string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = quote(s)
	}
	return "[" + strings.Join(quoted, ",") + "]"
}

func TestSetAndRename(t *testing.T) {
	e, doc := processed(t, `
- set: {labels.environment: prod, labels.n: "7", event.severity: 5, user.roles: [admin, dev], organization.id: other}
- rename: {user.name: labels.handle, user.full_name: user.name, group.name: labels.none, user.id: user.roles}`, loginOfAna)
	expect(t, doc, map[string]string{
		"labels": `{"environment":"prod","n":"7","handle":"ana"}`, "event.severity": "5",
		"user.name": `"Ana Example"`, "user.full_name": "", "user.roles": `["a1"]`, "user.id": "",
	})
	if e.Severity != event.Critical || e.Account != "other" || e.ActorID != "" {
		t.Errorf("the envelope does not follow: %+v", e.Envelope)
	}
}

func TestRenameIntoWhatDoesNotFitKeepsTheEvent(t *testing.T) {
	var failed []string
	n := newNormalizer(t, normalize.Options{Processors: processors(t, `[{rename: {user.name: source.ip}}]`), Failed: func(kind string) { failed = append(failed, kind) }})
	e := normalized(t, n, &event.Record{Raw: []byte(loginOfAna)})
	expect(t, decode(t, e.Doc), map[string]string{"user.name": `"ana"`, "source.ip": `"192.0.2.7"`})
	if fmt.Sprint(failed) != "[rename]" {
		t.Errorf("got %v", failed)
	}
}

// A copy over the file, rather than a new one in its place, leaves nothing to
// read for a while.
func TestGeoIPFileCutShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "geo.mmdb")
	asn := map[string]any{"autonomous_system_number": uint32(64496)}
	writeMMDB(t, path, "192.0.2.0/24", asn)
	failed := 0
	n := newNormalizer(t, normalize.Options{
		Processors: processors(t, "[{geoip: {database: "+path+"}}]"), Failed: func(string) { failed++ },
	})
	number := func(at time.Time) any {
		e, _, v, _, err := n.Normalize(&event.Record{Raw: []byte(loginOfAna)}, at, nil)
		if v != normalize.Keep {
			t.Fatal(v, err)
		}
		source, _ := decode(t, e.Doc)["source"].(map[string]any)
		return source["as"]
	}
	if number(readAt) == nil {
		t.Fatal("no number")
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if got := number(readAt.Add(time.Minute)); got != nil || failed != 1 {
		t.Errorf("got %v and %d failures, want none and one", got, failed)
	}
	writeMMDB(t, path, "192.0.2.0/24", asn)
	if number(readAt.Add(2*time.Minute)) == nil {
		t.Error("the new file was not taken up")
	}
}

func TestGeoIP(t *testing.T) {
	path := filepath.Join(t.TempDir(), "geo.mmdb")
	name := func(s string) map[string]any { return map[string]any{"en": s} }
	writeMMDB(t, path, "192.0.2.0/24", map[string]any{
		"city": map[string]any{"names": name("Bern")}, "continent": map[string]any{"code": "EU", "names": name("Europe")},
		"country":      map[string]any{"iso_code": "CH", "names": name("Switzerland")},
		"subdivisions": []any{map[string]any{"iso_code": "BE", "names": name("Bern")}},
		"location":     map[string]any{"latitude": 46.95, "longitude": 7.45, "time_zone": "Europe/Zurich"},
	})
	yaml := "[{geoip: {database: " + path + "}}]"
	_, doc := processed(t, yaml, loginOfAna)
	expect(t, doc, map[string]string{
		"source.geo": `{"city_name":"Bern","continent_code":"EU","continent_name":"Europe","country_iso_code":"CH","country_name":"Switzerland",
"location":{"lat":46.95,"lon":7.45},"region_iso_code":"CH-BE","region_name":"Bern","timezone":"Europe/Zurich"}`,
	})
	_, doc = processed(t, yaml, strings.ReplaceAll(loginOfAna, "192.0.2.7", "198.51.100.1"))
	expect(t, doc, map[string]string{"source.geo": "", "source.ip": `"198.51.100.1"`})

	// A newer file takes over without a restart.
	n := newNormalizer(t, normalize.Options{Processors: processors(t, yaml)})
	geo := func(at time.Time) []byte {
		e, _, _, _, err := n.Normalize(&event.Record{Raw: []byte(loginOfAna)}, at, nil)
		if err != nil {
			t.Fatal(err)
		}
		return e.Doc
	}
	if !bytes.Contains(geo(readAt), []byte(`"city_name":"Bern"`)) {
		t.Fatal("no city")
	}
	writeMMDB(t, path, "192.0.2.0/24", map[string]any{"autonomous_system_number": uint32(64496), "autonomous_system_organization": "Example"})
	doc = decode(t, geo(readAt.Add(time.Minute)))
	expect(t, doc, map[string]string{"source.as": `{"number":64496,"organization":{"name":"Example"}}`, "source.geo": ""})
}

func TestCompileProcessorsNamesThePlace(t *testing.T) {
	tests := map[string]struct{ yaml, want string }{
		"no list":           {"drop: x", "test.yaml:1:1: must be a list"},
		"two keys":          {"- {drop: 'true', keep: 'true'}", "must have exactly one key"},
		"unknown":           {"- dorp: 'true'", `test.yaml:1:9: [0].dorp: no such processor; there are drop, keep, redact, set, rename, geoip, detect; did you mean "drop"?`},
		"bad expression":    {"- drop: event.actoin == 'x'", "event.action"},
		"not an expression": {"- drop: [1]", "test.yaml:1:"},
		"no fields":         {"- redact: {with: mask}", "must name at least one field"},
		"unknown field":     {"- redact: {fields: [user.emial]}", `did you mean "user.email"?`},
		"fixed field":       {"- redact: {fields: [event.id]}", "event.id must stay as it is"},
		"unknown way":       {"- redact: {fields: [user.email], with: hsah}", `did you mean "hash"?`},
		"hash without key":  {"- redact: {fields: [user.email], with: hash}", "key: is needed to hash"},
		"unknown option":    {"- redact: {fields: [user.email], how: hash}", "how"},
		"set nothing":       {"- set: {}", "must map fields to values"},
		"set a wrong type":  {"- set: {event.severity: high}", "test.yaml:1:"},
		"set no IP":         {"- set: {source.ip: here}", "source.ip is an IP address"},
		"rename nothing":    {"- rename: {}", "must map old fields"},
		"rename to nowhere": {"- rename: {user.id: user.nmae}", `did you mean "user.name"?`},
		"no database":       {"- geoip: {}", "must be the path"},
		"database missing":  {"- geoip: {database: /nonexistent.mmdb}", "no such file"},
		"namespace":         {"- set: {labels: x}", "labels is a namespace: name a field in it, such as labels.team"},
		"no such outcome":   {"- set: {event.outcome: okay}", `event.outcome is success, failure or unknown, not "okay"`},
		"no such severity":  {"- set: {event.severity: 77}", "event.severity is 1 (info) to 5 (critical), not 77"},
		"no such rule":      {"- detect: {disable: [workspace-delted]}", `did you mean "workspace-deleted"?`},
		"all and some":      {"- detect: {disable: [role-changed], enable: [role-changed]}", "goes without enable"},
		"all at once":       {"- dorp: 'true'\n- set: {user.nmae: x}", "\ntest.yaml:2:"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := config.ParseSection("test.yaml", []byte(tt.yaml))
			if err != nil {
				t.Fatal(err)
			}
			_, err = normalize.CompileProcessors(s)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if p, err := normalize.CompileProcessors(config.Section{}); p != nil || err != nil {
		t.Errorf("no section: got %v, %v", p, err)
	}
}

func BenchmarkProcessors(b *testing.B) {
	for name, yaml := range map[string]string{
		"drop":   `[{drop: 'event.action == "prefect-cloud.webhook.received"'}]`,
		"redact": `[{redact: {fields: [user.email, source.ip], with: hash, key: k}}]`,
		"set":    `[{set: {labels.environment: prod}}]`,
	} {
		b.Run(name, func(b *testing.B) {
			records := lines(b, "bench.jsonl")
			n := newNormalizer(b, normalize.Options{Processors: processors(b, yaml)})
			b.ReportAllocs()
			var buf []byte
			for i := 0; b.Loop(); i++ {
				_, buf, _, _, _ = n.Normalize(&event.Record{Raw: records[i%len(records)]}, readAt, buf[:0])
			}
		})
	}
}

// A value of which nothing is left where it is made harmless is found all the same,
// and nothing is found everywhere.
func TestRedactWhatCannotBeSeen(t *testing.T) {
	_, doc := processed(t, `[{redact: {fields: [prefect.resource.name]}}]`, `{"id":"1","event":"x","resource":{"prefect.resource.name":"\u202e"},"payload":{"a":"- \u202e -","b":""}}`)
	expect(t, doc, map[string]string{"prefect.resource.name": `"***"`, "prefect.payload": `{"a":"- *** -","b":""}`})
}

// A payload may have tens of thousands of values: to look for each of them in each
// text would take minutes.
func TestRedactManyValues(t *testing.T) {
	raw := []byte(`{"id":"1","event":"x","resource":{"prefect.resource.name":"for value49999"},"payload":{"n":1E5`)
	for i := range 50_000 {
		raw = fmt.Appendf(raw, `,"k%d":"Value%d"`, i, i)
	}
	e, doc := processed(t, `[{redact: {fields: [prefect.payload]}}]`, string(raw)+`}}`)
	expect(t, doc, map[string]string{"prefect.payload.n": `"***"`, "prefect.resource.name": `"for ***"`, "prefect.payload.k7": `"***"`})
	if bytes.Contains(bytes.ToLower(e.Doc), []byte("value")) || bytes.Contains(e.Doc, []byte("1E5")) {
		t.Error("the document still has one of the values")
	}
}

// A byte order mark is no place to hide behind.
func TestRedactBehindAByteOrderMark(t *testing.T) {
	_, doc := processed(t, `[{redact: {fields: [user.email]}}]`, "\ufeff"+loginOfAna)
	if original := at(doc, "event.original").(string); strings.Contains(original, `\u0061na@`) || !strings.Contains(original, "mail to ***") {
		t.Errorf("got %s", original)
	}
}
