package elasticsearch

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
)

// decode reads a sink's section as the config file has it.
func decode(t testing.TB, text string) (sinks.Spec, error) {
	t.Helper()
	section, err := config.ParseSection("shiplog.yaml", []byte("type: elasticsearch\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return Factory().Decode(section)
}

func open(t testing.TB, deps sinks.Deps, text string) *Sink {
	t.Helper()
	spec, err := decode(t, text)
	if err != nil {
		t.Fatal(err)
	}
	s, err := spec.Open(deps)
	if err != nil {
		t.Fatal(err)
	}
	return s.(*Sink)
}

// opened is a sink for the fake that is closed with the test.
func opened(t *testing.T, f *fake, text string) *Sink {
	t.Helper()
	s := open(t, sinktest.Deps(t, nil), "urls: ["+f.URL+"]\n"+text)
	t.Cleanup(func() { s.Close(t.Context()) })
	return s
}

func TestContract(t *testing.T) {
	sinktest.Run(t, sinktest.Suite{New: func(t *testing.T) sinktest.Destination { return newFake(t) }})
}

func TestContractOpenSearch(t *testing.T) {
	sinktest.Run(t, sinktest.Suite{New: func(t *testing.T) sinktest.Destination {
		f := newFake(t)
		f.about = aboutOpenSearch
		return f
	}})
}

// golden compares got with a file that -update rewrites.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func TestBulkBodies(t *testing.T) {
	long := strings.Repeat("x", maxID+1)
	for _, c := range []struct{ name, config, path string }{
		{"stream", "", "POST /logs-prefect.audit-default/_bulk"},
		{"dated", `index: "audit-%{+yyyy.MM.dd}"`, "POST /audit-2026.11.02/_bulk"},
		{"plain", "index: audit\ncompression: none", "POST /audit/_bulk"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			s := opened(t, f, "template: false\n"+c.config)
			b := sinktest.Batch(0, 2, nil)
			b.Items = append(b.Items, sinktest.Batch(24*60, 3, nil).Items...) // the day after
			b.Items[1].Event.ID = "with \"quotes\", \\ and \n\x01 and \u2028 and \xff"
			b.Items[3].Event.ID = long
			if _, err := s.Deliver(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			golden(t, c.name+".ndjson", f.bodies[0])
			if got := f.requests(); !slices.Equal(got, []string{c.path}) {
				t.Errorf("requests %q, want %q", got, c.path)
			}
		})
	}
}

// Each way to authenticate, and no header without one.
func TestAuthorization(t *testing.T) {
	for _, c := range []struct{ name, config, want string }{
		{"api key", "api_key: aWQ6a2V5", "ApiKey aWQ6a2V5"},
		{"basic", "username: u\npassword: p", "Basic dTpw"},
		{"bearer", "bearer_token: abc", "Bearer abc"},
		{"none", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			s := opened(t, f, c.config)
			if _, err := s.Deliver(t.Context(), sinktest.Batch(0, 1, nil)); err != nil {
				t.Fatal(err)
			}
			for _, h := range f.headers {
				if got := h.Get("Authorization"); got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
				if got := h.Get("User-Agent"); got != "shiplog/test" {
					t.Errorf("user agent %q", got)
				}
			}
		})
	}
}

// deadNode is one that nobody listens at: no system gives its port away.
const deadNode = "http://127.0.0.1:1"

// A node that is down is passed over within one delivery.
func TestDeadNodeIsPassedOver(t *testing.T) {
	f := newFake(t)
	s := open(t, sinktest.Deps(t, nil), "urls: ["+deadNode+", "+f.URL+"]")
	defer s.Close(t.Context())
	for n := range 4 {
		if _, err := s.Deliver(t.Context(), sinktest.Batch(n, 1, nil)); err != nil {
			t.Fatalf("delivery %d: %v", n, err)
		}
	}
	if got := len(f.Accepted()); got != 4 {
		t.Errorf("%d events arrived, want 4", got)
	}
}

func TestErrorsNameRequestAndNode(t *testing.T) {
	s := open(t, sinktest.Deps(t, nil), "urls: ["+deadNode+"]")
	defer s.Close(t.Context())
	_, err := s.Deliver(t.Context(), sinktest.Batch(0, 1, nil))
	host := strings.TrimPrefix(deadNode, "http://")
	if err == nil || !strings.Contains(err.Error(), host) || fault.KindOf(err) != fault.Retry {
		t.Errorf("got %v, want a retry that names %s", err, host)
	}
}

// A key that is replaced in its file is used for the next request.
func TestCredentialsRotate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	f := newFake(t)
	var s *Sink
	for n, key := range []string{"first", "the-second"} {
		if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if s == nil {
			s = opened(t, f, "template: false\napi_key: ${file:"+file+"}")
		}
		if err := deliver(t, s, n); err != nil {
			t.Fatal(err)
		}
		if got := f.headers[n].Get("Authorization"); got != "ApiKey "+key {
			t.Errorf("got %q, want %s", got, key)
		}
	}
}

// A server that cannot prove who it is gets nothing, and the error says what to
// set.
func TestUnknownAuthority(t *testing.T) {
	f := newFake(t)
	secure := httptest.NewTLSServer(f)
	defer secure.Close()
	s := open(t, sinktest.Deps(t, nil), "urls: ["+secure.URL+"]")
	defer s.Close(t.Context())
	err := deliver(t, s, 0)
	if fault.KindOf(err) != fault.Setup || !strings.Contains(err.Error(), "tls.ca_file") {
		t.Errorf("got %v, want a set-up fault about tls.ca_file", err)
	}

	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	trusting := open(t, sinktest.Deps(t, nil), "urls: ["+secure.URL+"]\ntls: {ca_file: "+ca+"}")
	defer trusting.Close(t.Context())
	if err := deliver(t, trusting, 0); err != nil {
		t.Errorf("with its authority: %v", err)
	}
}

func TestRequestFaults(t *testing.T) {
	const path = "POST /logs-prefect.audit-default/_bulk"
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   fault.Kind
	}{
		{"malformed", 400, `{"error":{"type":"x_content_parse_exception","reason":"bad"}}`, fault.Refused},
		{"no pipeline", 400, `{"error":{"type":"illegal_argument_exception","reason":"pipeline with id [p] does not exist"}}`, fault.Setup},
		{"not authenticated", 401, `{"error":{"type":"security_exception","reason":"no"}}`, fault.Credentials},
		{"forbidden by a proxy", 403, `<html>no</html>`, fault.Credentials},
		{"read only", 403, `{"error":{"type":"cluster_block_exception","reason":"blocked"}}`, fault.Setup},
		{"no index", 404, `{"error":{"type":"index_not_found_exception","reason":"no such index"}}`, fault.Setup},
		{"not this API", 405, `{"error":"Incorrect HTTP method"}`, fault.Setup},
		{"redirected", 302, ``, fault.Setup},
		{"timeout", 408, ``, fault.Retry},
		{"too large", 413, `<html>`, fault.TooLarge},
		{"too many", 429, `{}`, fault.Retry},
		{"broken", 500, `{`, fault.Retry},
		{"bad gateway", 502, `<html>`, fault.Retry},
		{"unavailable", 503, ``, fault.Retry},
		{"answer is no JSON", 200, `<html>welcome</html>`, fault.Retry},
		{"answer is cut", 200, `{"errors":false,"items":[{"create":{"status":201}}`, fault.Retry},
		{"answer is short", 200, `{"errors":false,"items":[{"create":{"status":201}}]}`, fault.Retry},
		{"answer lacks a status", 200, `{"errors":false,"items":[{"create":{"status":201}},{"create":{}}]}`, fault.Retry},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.reply[path] = reply{c.status, c.body}
			s := opened(t, f, "")
			_, err := s.Deliver(t.Context(), sinktest.Batch(0, 2, nil))
			if err == nil || fault.KindOf(err) != c.want {
				t.Errorf("got %v (%v), want kind %v", err, fault.KindOf(err), c.want)
			}
		})
	}
}

func TestItemTriage(t *testing.T) {
	const kept = `{"status":201}`
	for _, c := range []struct {
		name, answer string
		outcome      sinks.Outcome // beside an event that was stored
		kind         fault.Kind
	}{
		{"stored", kept, 0, 0},
		{"stored, no failure", `{"status":201,"failure_store":"not_enabled"}`, 0, 0},
		{"failure store", `{"status":201,"failure_store":"used"}`, sinks.Refused, fault.Refused},
		{"there already", `{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"r"}}`, sinks.Duplicate, 0},
		{"rejected", `{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"r"}}`, sinks.Again, fault.Retry},
		{"unavailable", `{"status":503,"error":{"type":"unavailable_shards_exception","reason":"r"}}`, sinks.Again, fault.Retry},
		{"mapping", `{"status":400,"error":{"type":"document_parsing_exception","reason":"r"}}`, sinks.Refused, fault.Refused},
		{"old mapping", `{"status":400,"error":{"type":"mapper_parsing_exception","reason":"r"}}`, sinks.Refused, fault.Refused},
		{"argument", `{"status":400,"error":{"type":"illegal_argument_exception","reason":"immense term"}}`, sinks.Refused, fault.Refused},
		{"pipeline", `{"status":400,"error":{"type":"illegal_argument_exception","reason":"pipeline with id [p] does not exist"}}`, sinks.Again, fault.Setup},
		{"forbidden", `{"status":403,"error":{"type":"security_exception","reason":"r"}}`, sinks.Again, fault.Credentials},
		{"blocked", `{"status":403,"error":{"type":"cluster_block_exception","reason":"r"}}`, sinks.Again, fault.Setup},
		{"no index", `{"status":404,"error":{"type":"index_not_found_exception","reason":"r"}}`, sinks.Again, fault.Setup},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			s := opened(t, f, "")
			f.item["event-0001"] = c.answer
			report, err := s.Deliver(t.Context(), sinktest.Batch(0, 2, nil))
			if err != nil {
				t.Fatal(err)
			}
			if c.outcome == 0 {
				if len(report.Results) > 0 {
					t.Errorf("report %v, want none", report)
				}
				return
			}
			if len(report.Results) != 1 || report.Results[0].Index != 1 || report.Results[0].Outcome != c.outcome {
				t.Fatalf("report %v, want outcome %d for 1", report, c.outcome)
			}
			if got := report.Results[0].Err; c.kind != 0 && fault.KindOf(got) != c.kind {
				t.Errorf("kind %v (%v), want %v", fault.KindOf(got), got, c.kind)
			}
			// The same for both events is no report, where it is about all.
			if c.kind == fault.Credentials || c.kind == fault.Setup {
				f.item["event-0000"] = c.answer
				if _, err := s.Deliver(t.Context(), sinktest.Batch(0, 2, nil)); fault.KindOf(err) != c.kind {
					t.Errorf("all: got %v, want kind %v", err, c.kind)
				}
			}
		})
	}
}

// A set-up under which nothing gets in is not taken for poison, and poison is
// not taken for the set-up for ever.
func TestSuspicion(t *testing.T) {
	const bad = `{"status":400,"error":{"type":"document_parsing_exception","reason":"failed to parse"}}`
	f := newFake(t)
	s := opened(t, f, "")
	var wait time.Duration
	deliver := func(first, count int) (sinks.Report, fault.Kind) {
		t.Helper()
		report, err := s.Deliver(t.Context(), sinktest.Batch(first, count, nil))
		wait = fault.Wait(err)
		if err == nil {
			return report, 255
		}
		return report, fault.KindOf(err)
	}
	for _, id := range []string{"event-0000", "event-0001", "event-0005", "event-0009"} {
		f.item[id] = bad
	}
	if r, kind := deliver(9, 1); kind != 255 || r.Results[0].Outcome != sinks.Refused {
		t.Fatalf("the first of all, alone: %v (kind %v), want a dead letter", r, kind)
	}
	for i := range patience {
		if _, kind := deliver(0, 2); kind != fault.Setup || wait != firstDoubt<<i {
			t.Fatalf("both refused: kind %v, wait %v, want setup and %v", kind, wait, firstDoubt<<i)
		}
	}
	if _, kind := deliver(0, 2); kind != fault.Refused {
		t.Fatalf("patience is over: kind %v, want refused, to be halved", kind)
	}
	if r, kind := deliver(0, 1); kind != 255 || r.Results[0].Outcome != sinks.Refused {
		t.Fatalf("one alone: %v (kind %v), want a dead letter", r, kind)
	}
	if _, kind := deliver(1, 1); kind != fault.Setup || wait != firstDoubt<<patience {
		t.Fatalf("the next alone: kind %v, wait %v, want setup again and %v", kind, wait, firstDoubt<<patience)
	}
	if r, kind := deliver(2, 3); kind != 255 || len(r.Results) > 0 {
		t.Fatalf("sound events: %v (kind %v)", r, kind)
	}
	if r, kind := deliver(5, 1); kind != 255 || r.Results[0].Outcome != sinks.Refused {
		t.Fatalf("one alone after an acceptance: %v (kind %v), want a dead letter", r, kind)
	}
}

// What is in the failure store is not sent again, however many there are: each
// try would store it there once more.
func TestFailureStoreIsFinal(t *testing.T) {
	f := newFake(t)
	s := opened(t, f, "")
	for _, id := range []string{"event-0000", "event-0001"} {
		f.item[id] = `{"status":201,"failure_store":"used"}`
	}
	report, err := s.Deliver(t.Context(), sinktest.Batch(0, 2, nil))
	if err != nil || len(report.Results) != 2 || report.Results[0].Outcome != sinks.Refused || report.Results[1].Outcome != sinks.Refused {
		t.Errorf("got %v, %v, want two dead letters", report, err)
	}
}

func TestCloudID(t *testing.T) {
	for id, want := range map[string]string{
		"audit:dXMtZWFzdC0xLmF3cy5mb3VuZC5pbyRhYmMkZGVm":             "https://abc.us-east-1.aws.found.io:443",
		"audit:dXMtZWFzdC0xLmF3cy5mb3VuZC5pbzo5MjQzJGFiYyRkZWY=":     "https://abc.us-east-1.aws.found.io:9243",
		"audit:dXMtZWFzdC0xLmF3cy5mb3VuZC5pbzo5MjQzJGFiYzo5OTk5JGQ=": "https://abc.us-east-1.aws.found.io:9999",
	} {
		spec, err := decode(t, "cloud_id: "+id)
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		if got := spec.Config.(*Config).nodes[0].String(); got != want {
			t.Errorf("%s: got %s, want %s", id, got, want)
		}
	}
}

func TestConfigMistakes(t *testing.T) {
	for _, c := range []struct{ name, config, want string }{
		{"no node", "template: true", "urls"},
		{"two ways to nodes", "urls: [http://a]\ncloud_id: a:b", "give one"},
		{"bad cloud id", "cloud_id: nonsense", "cloud_id"},
		{"no scheme", "urls: [es-1:9200]", "https://host:9200"},
		{"password in the URL", "urls: ['https://u:hidden@es']", "must not hold credentials"},
		{"two ways to authenticate", "urls: [http://a]\napi_key: a\nbearer_token: b", "one way"},
		{"half a login", "urls: [http://a]\nusername: a", "one is missing"},
		{"two targets", "urls: [http://a]\nindex: a\ndata_stream: b", "give one"},
		{"upper case", "urls: [http://a]\nindex: Audit", "lower case"},
		{"only a date", "urls: [http://a]\nindex: '%{+yyyy}'", "fixed name"},
		{"unknown date letters", "urls: [http://a]\nindex: 'a-%{+YYYY}'", "yyyy"},
		{"dated stream", "urls: [http://a]\ndata_stream: 'a-%{+yyyy}'", "use index"},
		{"not JSON", "urls: [http://a]\nformat: cef", "use ecs"},
		{"compression", "urls: [http://a]\ncompression: zstd", "gzip or none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := decode(t, c.config)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want something about %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hidden") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}
