package normalize_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/normalize"
)

func TestRefusesWhatIsNoEvent(t *testing.T) {
	tests := map[string]struct {
		raw    string
		want   normalize.Verdict
		reason string
	}{
		"empty line":           {"", normalize.Drop, "not_event"},
		"blank line":           {" \t\r", normalize.Drop, "not_event"},
		"greeting of the CLI":  {"Subscribing to event stream...", normalize.Drop, "not_event"},
		"text line of the CLI": {"2026-11-02 prefect.x y", normalize.Invalid, "not_json"},
		"cut off":              {`{"id":"1","event":"a`, normalize.Invalid, "not_json"},
		"trailing garbage":     {`{"id":"1"}x`, normalize.Invalid, "not_json"},
		"two objects":          {`{"id":"1"}{"id":"2"}`, normalize.Invalid, "not_json"},
		"trailing NUL":         {"{\"id\":\"1\"}\x00", normalize.Invalid, "not_json"},
		"trailing comma":       {`{"id":"1",}`, normalize.Invalid, "not_json"},
		"leading comma":        {`{,"id":"1"}`, normalize.Invalid, "not_json"},
		"no colon":             {`{"id" "1"}`, normalize.Invalid, "not_json"},
		"array comma":          {`{"id":"1","x":[1,]}`, normalize.Invalid, "not_json"},
		"leading zero":         {`{"id":"1","x":01}`, normalize.Invalid, "not_json"},
		"bare minus":           {`{"id":"1","x":-}`, normalize.Invalid, "not_json"},
		"empty exponent":       {`{"id":"1","x":1e}`, normalize.Invalid, "not_json"},
		"NaN":                  {`{"id":"1","x":NaN}`, normalize.Invalid, "not_json"},
		"half a word":          {`{"id":"1","x":tru}`, normalize.Invalid, "not_json"},
		"half a null":          {`{"id":nul}`, normalize.Invalid, "not_json"},
		"bad escape":           {`{"id":"\x"}`, normalize.Invalid, "not_json"},
		"short \\u escape":     {`{"id":"\u12"}`, normalize.Invalid, "not_json"},
		"break in a string":    {"{\"id\":\"a\nb\"}", normalize.Invalid, "not_json"},
		"bad payload":          {`{"id":"1","payload":{"a":}}`, normalize.Invalid, "not_json"},
		"bad related":          {`{"id":"1","related":[{"a":"b"]}`, normalize.Invalid, "not_json"},
		"not UTF-8":            {"{\"id\":\"\xff\"}", normalize.Invalid, "not_utf8"},
		"overlong UTF-8":       {"{\"id\":\"\xc0\x80\"}", normalize.Invalid, "not_utf8"},
		"an array":             {`[1]`, normalize.Invalid, "not_object"},
		"a text":               {`"x"`, normalize.Invalid, "not_object"},
		"nothing of an event":  {`{"x":1}`, normalize.Invalid, "no_action"},
		"nested too deeply":    {`{"id":"1","x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, normalize.Invalid, "too_deep"},
	}
	n := newNormalizer(t, normalize.Options{})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, v, reason, err := n.Normalize(&event.Record{Raw: []byte(tt.raw)}, readAt, nil)
			if v != tt.want || reason != tt.reason {
				t.Errorf("got %d %s (%v), want %d %s", v, reason, err, tt.want, tt.reason)
			}
			if (v == normalize.Invalid) != (err != nil) {
				t.Errorf("verdict %d comes with error %v", v, err)
			}
		})
	}
}

// Whatever is odd about a record, it becomes an event, and nothing of it is lost.
func TestSurvivesOddRecords(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)
	asText := func(before, after string) string { return quote(before + deep + after) }
	tests := map[string]struct {
		raw  string
		want map[string]string // dotted path → value as JSON; empty: absent
	}{
		"deep member":   {`{"id":"1","x":` + deep + `}`, map[string]string{"prefect.extra.x": asText("", "")}},
		"deep label":    {`{"id":"1","resource":{"x":` + deep + `}}`, map[string]string{"prefect.resource.labels": `{"text":` + asText(`{"x":`, "}") + `}`}},
		"deep relation": {`{"id":"1","related":[{"x":` + deep + `}]}`, map[string]string{"prefect.related": `{"text":` + asText(`[{"x":`, "}]") + `}`}},
		"no id":         {`{"event":"prefect-cloud.user.created"}`, map[string]string{"event.outcome": `"success"`, "prefect.received": ""}},
		"only an id": {`{"id":"x"}`, map[string]string{
			"event.action": `"unknown"`, "@timestamp": `"2026-11-03T09:00:00.123456Z"`, "prefect.mapped": "false"}},
		"nulls everywhere": {`{"id":null,"occurred":null,"event":"a.b","resource":null,"related":null,"payload":null,"follows":null,"account":null,"workspace":null,"received":null}`,
			map[string]string{"organization": "", "prefect.payload": "", "prefect.extra": ""}},
		"wrong types": {`{"id":1,"occurred":2,"event":"a.b","resource":3,"related":{"a":1},"payload":[4],"follows":{},"account":[],"workspace":true}`,
			map[string]string{
				"prefect.extra.resource": "3", "prefect.extra.occurred": "2", "prefect.extra.related": `{"a":1}`,
				"prefect.extra.workspace": "true", "prefect.payload": `{"value":[4]}`}},
		"related with others":  {`{"id":"1","related":[{"a":"b"},7]}`, map[string]string{"prefect.related": "", "prefect.extra.related": `[{"a":"b"},7]`}},
		"labels of any type":   {`{"id":"1","resource":{"prefect.resource.id":7,"x":{"y":[1]}}}`, map[string]string{"prefect.resource.labels": `{"prefect.resource.id":7,"x":{"y":[1]}}`}},
		"unknown members":      {`{"id":"1","new":{"a":[1,2]},"":0}`, map[string]string{"prefect.extra.new": `{"a":[1,2]}`}},
		"members given twice":  {`{"id":"1","id":"2","new":1,"new":2,"payload":{"ip":"192.0.2.1"},"payload":{"a":1}}`, map[string]string{"event.id": `"2"`, "prefect.extra.new": "2", "source": "", "prefect.payload": `{"a":1}`}},
		"escaped names":        {`{"\u0069d":"7","\u0065vent":"a.b"}`, map[string]string{"event.id": `"7"`, "event.action": `"a.b"`}},
		"deep payload as text": {`{"id":"1","payload":` + deep + `}`, map[string]string{"prefect.payload.text": quote(deep)}},
		"big numbers stay":     {`{"id":"1","payload":{"n":9007199254740993,"f":1e-09}}`, map[string]string{"prefect.payload": `{"f":1e-09,"n":9007199254740993}`}},
		"lone surrogates":      {`{"id":"1","event":"a.\ud800b\udc00","payload":{"x":"\ud83d\ude80\udead"}}`, map[string]string{"event.action": `"a.` + "\ufffdb\ufffd" + `"`, "prefect.payload.x": `"` + "🚀\ufffd" + `"`}},
		"pretty-printed":       {"{\n\t\"id\": \"1\",\r\n\"payload\": {\n\"a\": \"b\\n\"}\n}\n", map[string]string{"prefect.payload": `{"a":"b\n"}`}},
		"byte order mark":      {"\ufeff{\"id\":\"1\"}", map[string]string{"event.id": `"1"`}},
		"time that is none":    {`{"id":"1","occurred":"yesterday","received":"2026-11-02T08:00:01Z"}`, map[string]string{"@timestamp": `"2026-11-02T08:00:01.000000Z"`, "prefect.extra.occurred": `"yesterday"`}},
		"address with a port":  {`{"id":"1","payload":{"client_ip":"[2001:db8::1]:443"}}`, map[string]string{"source.ip": `"2001:db8::1"`, "source.address": `"[2001:db8::1]:443"`, "related.ip": `["2001:db8::1"]`}},
		"address that is none": {`{"id":"1","payload":{"ip":"unknown"}}`, map[string]string{"source.ip": "", "source.address": `"unknown"`, "client.ip": "", "related.ip": ""}},
		"address with a zone":  {`{"id":"1","payload":{"ip":"fe80::1%eth0"}}`, map[string]string{"source.ip": "", "source.address": `"fe80::1%eth0"`}},
		"address of headers":   {`{"id":"1","payload":{"headers":{"X-Forwarded-For":"198.51.100.23, 203.0.113.7","User-Agent":"curl/8"}}}`, map[string]string{"source.ip": `"198.51.100.23"`, "user_agent.original": `"curl/8"`}},
		"address is a number":  {`{"id":"1","payload":{"ip":17,"user_agent":null}}`, map[string]string{"source": "", "user_agent": ""}},
		"method of a login":    {`{"id":"1","event":"prefect-cloud.user.logged-in","payload":{"method":"sso"}}`, map[string]string{"http": "", "prefect.payload.method": `"sso"`}},
		"path of a file":       {`{"id":"1","event":"prefect.block-document.created","payload":{"data":{"path":"/srv/x"}}}`, map[string]string{"url": ""}},
		"path of a request":    {`{"id":"1","payload":{"method":"get","path":"/x"}}`, map[string]string{"url.path": `"/x"`, "http.request.method": `"get"`}},
		"user renamed":         {`{"id":"1","event":"prefect-cloud.user.updated","resource":{"prefect.resource.id":"prefect-cloud.user.1"},"payload":{"updates":{"name":{"from":"a","to":"b"}}}}`, map[string]string{"user.changes.name": `"b"`, "related.user": `["1","b"]`}},
		"a user's key renamed": {`{"id":"1","event":"prefect-cloud.api-key.updated","related":[{"prefect.resource.role":"owner","prefect.resource.id":"prefect-cloud.user.1"}],"payload":{"updates":{"name":{"from":"a","to":"b"}}}}`,
			map[string]string{"user.changes": "", "user.target.id": `"1"`, "related.user": `["1"]`}},
		"access for a team":       {`{"id":"1","event":"prefect-cloud.workspace-access.created","related":[{"prefect.resource.role":"team","prefect.resource.id":"prefect-cloud.team.1"}]}`, map[string]string{"event.type": `["group","change"]`, "group.id": `"1"`}},
		"access for a user":       {`{"id":"1","event":"prefect-cloud.workspace-access.created","related":[{"prefect.resource.role":"user","prefect.resource.id":"prefect-cloud.user.1"}]}`, map[string]string{"event.type": `["user","change"]`}},
		"allowlist switched":      {`{"id":"1","event":"prefect-cloud.account-settings.updated","payload":{"updates":{"enforce_ip_allowlist":{"from":true,"to":false}}}}`, map[string]string{"event.severity": "4"}},
		"creator, not actor":      {`{"id":"1","related":[{"prefect.resource.role":"creator","prefect.resource.id":"prefect-cloud.user.u1","prefect.resource.name":"bo"}]}`, map[string]string{"prefect.actor.role": `"creator"`, "user.id": `"u1"`}},
		"id too long for a store": {`{"id":"` + strings.Repeat("x", 600) + `"}`, map[string]string{"prefect.extra.id": quote(strings.Repeat("x", 600))}},
		"very long name":          {`{"id":"1","event":"` + strings.Repeat("x.", 5000) + `"}`, map[string]string{"event.category": ""}},
		"custom resource id":      {`{"id":"1","event":"acme.x","resource":{"prefect.resource.id":"my.thing"}}`, map[string]string{"prefect.resource.id": `"my.thing"`, "prefect.resource.type": `"custom"`}},
	}
	n := newNormalizer(t, normalize.Options{})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := normalized(t, n, &event.Record{Raw: []byte(tt.raw)})
			expect(t, decode(t, e.Doc), tt.want)
		})
	}
}

func expect(t *testing.T, doc map[string]any, want map[string]string) {
	t.Helper()
	for path, wanted := range want {
		v := at(doc, path)
		if wanted == "" {
			if v != nil {
				t.Errorf("%s: got %v, want nothing", path, v)
			}
			continue
		}
		var w any
		d := json.NewDecoder(strings.NewReader(wanted))
		d.UseNumber()
		if err := d.Decode(&w); err != nil {
			t.Fatal(err)
		}
		got, _ := json.Marshal(v)
		wantJSON, _ := json.Marshal(w)
		if !bytes.Equal(got, wantJSON) {
			t.Errorf("%s: got %s, want %s", path, got, wantJSON)
		}
	}
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func TestBigPayload(t *testing.T) {
	n := newNormalizer(t, normalize.Options{})
	raw := `{"id":"1","payload":{"text":"` + strings.Repeat(`a\"b€`, 200_000) + `"}}`
	normalized(t, n, &event.Record{Raw: []byte(raw)})
}

func TestTimes(t *testing.T) {
	tests := map[string]string{ // as written → as read
		"2026-11-02T08:47:23Z":                "2026-11-02T08:47:23Z",
		"2026-11-02T08:19:42.073Z":            "2026-11-02T08:19:42.073Z",
		"2026-11-02T08:11:25.568873Z":         "2026-11-02T08:11:25.568873Z",
		"2026-11-02T08:11:25.568873123Z":      "2026-11-02T08:11:25.568873123Z",
		"2026-11-02T08:11:25.5688731239999Z":  "2026-11-02T08:11:25.568873123Z",
		"2026-11-02 12:42:26.421366+00:00":    "2026-11-02T12:42:26.421366Z",
		"2026-11-02T01:00:00+02:00":           "2026-11-01T23:00:00Z",
		"2026-11-02T23:00:00.5-0530":          "2026-11-03T04:30:00.5Z",
		"2026-11-02T23:00:00":                 "2026-11-02T23:00:00Z",
		"2028-02-29T00:00:00Z":                "2028-02-29T00:00:00Z",
		"2016-12-31T23:59:60Z":                "2017-01-01T00:00:00Z",
		"2026-02-29T00:00:00Z":                "",
		"2026-13-01T00:00:00Z":                "",
		"2026-13-01T00:00:00.000000Z":         "",
		"2026-11-02T08:00:00.00+00:Z":         "",
		"2026-11-02T24:00:00Z":                "",
		"2026-11-02T08:00:00+25:00":           "",
		"2026-11-02T08:00:00 Europe/Berlin":   "",
		"2026-11-02":                          "",
		"20261102T080000Z":                    "",
		"2026-1x-02T08:00:00Z":                "",
		"1793606400000":                       "2026-11-02T08:00:00Z",
		"1793606400":                          "2026-11-02T08:00:00Z",
		"\\u0032026-11-02T08:47:23.000000Z":   "",
		"2026-11-02T08:47:23.000000Z trailer": "",
	}
	n := newNormalizer(t, normalize.Options{})
	for written, want := range tests {
		t.Run(written, func(t *testing.T) {
			e := normalized(t, n, &event.Record{Raw: []byte(`{"id":"1","occurred":"` + written + `"}`)})
			if want == "" {
				if !e.Occurred.Equal(readAt) {
					t.Errorf("got %s, want the time of reading", e.Occurred)
				}
				return
			}
			if got := e.Occurred.Format(time.RFC3339Nano); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			stamp, err := time.Parse(time.RFC3339Nano, at(decode(t, e.Doc), "@timestamp").(string))
			if err != nil || !stamp.Equal(e.Occurred) {
				t.Errorf("@timestamp: got %s, %v, want %s", stamp, err, e.Occurred)
			}
		})
	}
}

// The command line's events lack account, workspace and the time of arrival.
func TestEnvelope(t *testing.T) {
	samples := lines(t, "samples.jsonl")
	scope := &event.Scope{Account: "scope-account", Workspace: "scope-workspace"}
	tests := map[string]struct {
		raw  []byte
		want event.Envelope
	}{
		"of the API": {samples[2], event.Envelope{
			ID: "cad61bfa-eacd-4673-8099-d51bad92bd21", Action: "prefect-cloud.api-key.created",
			Actor: "ana@example.com", ActorID: "8413b8c0-fed5-4f41-a7bf-623fefbca812",
			Account: "f7fd8b2d-fc26-45b7-90fb-8b8d91076163", Workspace: "scope-workspace",
			Resource: "prefect-cloud.api-key.a9c62e3d-1e90-482b-b956-753799b21b8a",
			Outcome:  event.Success, Severity: event.Medium,
			Occurred: time.Date(2026, 11, 2, 8, 33, 12, 234251000, time.UTC),
			Received: time.Date(2026, 11, 2, 8, 33, 12, 354251000, time.UTC),
		}},
		"of the command line": {samples[39], event.Envelope{
			Action: "prefect-cloud.user.logged-out", Actor: "ana@example.com", ActorID: "8413b8c0-fed5-4f41-a7bf-623fefbca812",
			Account: "f7fd8b2d-fc26-45b7-90fb-8b8d91076163", Workspace: "scope-workspace",
			Resource: "prefect-cloud.user.5f45c765-5e59-4bfa-b415-7226cf695d01",
			Outcome:  event.Success, Severity: event.Info,
			Occurred: time.Date(2026, 11, 2, 12, 42, 26, 421366000, time.UTC), Received: readAt,
		}},
		"with escapes": {[]byte(`{"id":"a\"\u00e9","event":"x.\ty","resource":{"prefect.resource.id":"\ud83d\ude80"},"related":[{"prefect.resource.role":"actor","prefect.resource.name":"a\/b\\"}]}`), event.Envelope{
			ID: "a\"é", Action: "x.\ty", Actor: `a/b\`, Account: "scope-account", Workspace: "scope-workspace",
			Resource: "🚀", Severity: event.Info, Occurred: readAt, Received: readAt,
		}},
	}
	n := newNormalizer(t, normalize.Options{})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := normalized(t, n, &event.Record{Raw: tt.raw, Scope: scope}).Envelope
			if tt.want.ID == "" {
				got.ID = ""
			}
			got.Hash, tt.want.Source = [32]byte{}, "spool"
			if got != tt.want {
				t.Errorf("got\n%+v, want\n%+v", got, tt.want)
			}
		})
	}
}

func TestDerivedIDIsStable(t *testing.T) {
	n := newNormalizer(t, normalize.Options{})
	id := func(raw string) string {
		return normalized(t, n, &event.Record{Raw: []byte(raw)}).ID
	}
	a, again, b := id(`{"event":"a.b"}`), id(`{"event":"a.b"}`), id(`{"event":"a.c"}`)
	if a != again || a == b || len(a) != 36 || a[14] != '8' {
		t.Errorf("got %s, then %s, and %s for another", a, again, b)
	}
}

func TestMasksAPIKeys(t *testing.T) {
	const secret = "abcdefghijklmnopqrstuvwxyz0123456789"
	n := newNormalizer(t, normalize.Options{})
	raw := `{"id":"1","event":"a.b","payload":{"key":"pnu_` + secret + `","text":"Bearer pnb_` + secret + `,pnu_...a1b2"}}`
	e, _, _, _, err := n.Normalize(&event.Record{Raw: []byte(raw)}, readAt, nil)
	if err != nil {
		t.Fatal(err)
	}
	stars := strings.Repeat("*", len(secret))
	checkFrame(t, &e, []byte(strings.ReplaceAll(raw, secret, stars)))
	if bytes.Contains(e.Doc, []byte(secret[:8])) {
		t.Errorf("the key shows: %s", e.Doc)
	}
	expect(t, decode(t, e.Doc), map[string]string{"prefect.payload.text": `"Bearer pnb_` + stars + `,pnu_...a1b2"`})
}

func TestAttributesAndLate(t *testing.T) {
	n := newNormalizer(t, normalize.Options{Source: `a "bus"`})
	e := normalized(t, n, &event.Record{Raw: []byte(`{"id":"1"}`), Late: true,
		Attributes: []event.Attribute{{Name: "key", Value: "k\"1"}, {Name: "header", Value: "\xff"}}})
	expect(t, decode(t, e.Doc), map[string]string{
		"shiplog.source": `"a \"bus\""`, "shiplog.late": "true",
		"shiplog.attributes": `[{"name":"key","value":"k\"1"},{"name":"header","value":"` + "\ufffd" + `"}]`,
	})
}

func TestDecoderOfTheRecord(t *testing.T) {
	n := newNormalizer(t, normalize.Options{})
	e := normalized(t, n, &event.Record{Raw: []byte(`{"action":"login"}`), Decoder: "json"})
	if e.Action != "login" {
		t.Errorf("got %s", e.Action)
	}
	if _, _, v, reason, _ := n.Normalize(&event.Record{Raw: []byte(`{}`), Decoder: "xml"}, readAt, nil); v != normalize.Invalid || reason != "unknown_decoder" {
		t.Errorf("got %d %s", v, reason)
	}
	if _, err := normalize.New(normalize.Options{Decoder: "xml"}); err == nil || !strings.Contains(err.Error(), "prefect, ecs, json") {
		t.Errorf("got %v", err)
	}
}

// However many members there are, of those with one name the last counts. That
// takes no time to speak of; to look through all for each would take a minute.
func TestManyMembersGivenTwice(t *testing.T) {
	const many = 100_000
	raw := []byte(`{"id":"1"`)
	for i := range 2 * many {
		raw = fmt.Appendf(raw, `,"k%d":%d`, i%many, i)
	}
	doc := decode(t, normalized(t, newNormalizer(t, normalize.Options{}), &event.Record{Raw: append(raw, '}')}).Doc)
	extra, _ := at(doc, "prefect.extra").(map[string]any)
	if len(extra) != many || fmt.Sprintf("%v %v", extra["k0"], extra["k99999"]) != "100000 199999" {
		t.Errorf("got %d members, k0 %v and k99999 %v; want %d, the last of each", len(extra), extra["k0"], extra["k99999"], many)
	}
}

func TestManyRelated(t *testing.T) {
	const many = 30_000
	raw := []byte(`{"id":"1","related":[`)
	for i := range many {
		raw = fmt.Appendf(raw, `{"prefect.resource.id":"prefect-cloud.user.u%d"},`, i)
	}
	doc := decode(t, normalized(t, newNormalizer(t, normalize.Options{}), &event.Record{Raw: append(raw, `{}]}`...)}).Doc)
	all, _ := at(doc, "prefect.related").([]any)
	users, _ := at(doc, "related.user").([]any)
	if len(all) != many+1 || len(users) < 1000 || len(users) == many {
		t.Errorf("got %d related resources, want %d; %d to pivot on, want thousands but not all", len(all), many+1, len(users))
	}
}

func TestCountsUnmapped(t *testing.T) {
	var got []string
	n := newNormalizer(t, normalize.Options{Unmapped: func(kind string) { got = append(got, kind) }})
	for _, action := range []string{"prefect-cloud.user.created", "prefect-cloud.user.invited", "prefect-cloud.vault.sealed", "acme.x"} {
		normalized(t, n, &event.Record{Raw: []byte(`{"event":"` + action + `"}`)})
	}
	if want := "[user other other]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestGenericRecords(t *testing.T) {
	n := newNormalizer(t, normalize.Options{Decoder: "json"})
	s := readSchema(t)
	tests := map[string]struct {
		raw  string
		want map[string]string
	}{
		"common names": {`{"event_id":"e1","timestamp":"2026-11-02T08:00:00Z","action":"login","user":{"id":"u1","name":"Bo","email":"bo@example.com"},"ip":"192.0.2.1","status":"denied","n":[1]}`,
			map[string]string{
				"event.id": `"e1"`, "@timestamp": `"2026-11-02T08:00:00.000000Z"`, "event.action": `"login"`, "user.email": `"bo@example.com"`,
				"source.ip": `"192.0.2.1"`, "event.outcome": `"failure"`, "shiplog.record.n": "[1]", "related.user": `["u1","Bo","bo@example.com"]`,
			}},
		"epoch milliseconds": {`{"id":7,"time":1793606400123,"type":"x"}`, map[string]string{"event.id": `"7"`, "@timestamp": `"2026-11-02T08:00:00.123000Z"`}},
		"epoch after 2262":   {`{"time":9999999999}`, map[string]string{"@timestamp": `"2286-11-20T17:46:39.000000Z"`}},
		"nothing known":      {`{"a":{"b":1}}`, map[string]string{"event.action": `"unknown"`, "shiplog.record.a.b": "1"}},
		"empty":              {`{}`, map[string]string{"event.action": `"unknown"`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			doc := decode(t, normalized(t, n, &event.Record{Raw: []byte(tt.raw)}).Doc)
			expect(t, doc, tt.want)
			for _, wrong := range s.check(doc) {
				t.Error(wrong)
			}
		})
	}
}

func TestECSRecords(t *testing.T) {
	n := newNormalizer(t, normalize.Options{Source: "bus", Decoder: "ecs"})
	t.Run("dotted and nested", func(t *testing.T) {
		raw := `{"@timestamp":"2026-11-02T08:00:00+01:00","event.id":"e1","event":{"action":"x","outcome":"failure","severity":4,"sequence":9},"user.name":"bo","user":{"id":"u1"},"organization.id":"o1","n":1}`
		e := normalized(t, n, &event.Record{Raw: []byte(raw)})
		expect(t, decode(t, e.Doc), map[string]string{
			"@timestamp": `"2026-11-02T07:00:00.000000Z"`, "user": `{"id":"u1","name":"bo"}`, "n": "1", "event.sequence": "", "ecs.version": `"9.4.0"`,
		})
		if e.Actor != "bo" || e.ActorID != "u1" || e.Account != "o1" || e.Outcome != event.Failure || e.Severity != event.High || e.Source != "bus" {
			t.Errorf("got %+v", e.Envelope)
		}
	})
	t.Run("event that is no object", func(t *testing.T) {
		e := normalized(t, n, &event.Record{Raw: []byte(`{"event":"x","shiplog":7}`)})
		expect(t, decode(t, e.Doc), map[string]string{"shiplog.record.event": `"x"`, "shiplog.upstream": "7"})
	})
	for name, raw := range map[string]string{
		"a name of ever more levels":   `{"a` + strings.Repeat(".a", 2<<20) + `":1}`,
		"names of many levels, nested": strings.Repeat(`{"a`+strings.Repeat(".a", 400)+`":`, 5000) + "1" + strings.Repeat("}", 5000),
		"a name around a deep list":    `{"a` + strings.Repeat(".a", 6000) + `":` + strings.Repeat("[", 6000) + strings.Repeat("]", 6000) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, _, v, reason, err := n.Normalize(&event.Record{Raw: []byte(raw)}, readAt, nil)
			if v != normalize.Invalid || reason != normalize.TooDeep || err == nil {
				t.Errorf("got verdict %v, reason %q, %v; want an invalid record, too_deep", v, reason, err)
			}
		})
	}
	t.Run("what we shipped comes back the same", func(t *testing.T) {
		first := newNormalizer(t, normalize.Options{})
		for _, line := range lines(t, "samples.jsonl") {
			e := normalized(t, first, &event.Record{Raw: line})
			e.Sequence = 17
			shipped := e.AppendDoc(nil, event.Delivery{Number: 4})
			back, _, v, _, err := n.Normalize(&event.Record{Raw: shipped}, readAt, nil)
			if v != normalize.Keep {
				t.Fatal(err)
			}
			checkFrame(t, &back, line)
			back.Source, back.Hash = e.Source, e.Hash
			e.Sequence = 0
			if back.Envelope != e.Envelope {
				t.Errorf("got\n%+v, want\n%+v", back.Envelope, e.Envelope)
			}
		}
	})
}

func TestOwn(t *testing.T) {
	e := normalize.Own("shiplog.gap", "3 events are lost", event.Critical, readAt, map[string]any{"lost": 3, "sink": "a"})
	raw, _ := at(decode(t, e.Doc), "event.original").(string)
	doc := checkFrame(t, &e, []byte(raw))
	expect(t, doc, map[string]string{"shiplog.lost": "3", "message": `"3 events are lost"`, "event.severity": "5", "shiplog.source": `"shiplog"`})
	if again := normalize.Own("shiplog.gap", "3 events are lost", event.Critical, readAt, nil); again.ID == e.ID {
		t.Error("two events have one id")
	}
}
