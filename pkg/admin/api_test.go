package admin

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/deadletter"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// settled takes out what differs from run to run.
func settled(body string) string {
	for pattern, with := range map[string]string{
		`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`: "TIME",
		`"head": "[0-9a-f]{64}"`:                  `"head": "HEAD"`,
		`"id": "[0-9a-f]{32}"`:                    `"id": "ID"`,
		`(bytes|lag_seconds)": [\d.e-]+`:          `$1": 0`,
		`(?s)\n  "(ecs|ocsf)": \{\n.*?\n  \}`:     "\n  \"$1\": {}", // the encoders have golden files of their own
	} {
		body = regexp.MustCompile(pattern).ReplaceAllString(body, with)
	}
	return body
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s", file, got)
	}
}

// The shapes are a contract with whoever scripts against them.
func TestShapes(t *testing.T) {
	b := newBench(t, options{})
	putLetters(t, b)
	for name, target := range map[string]string{
		"status.json":      "/api/status",
		"events.json":      "/api/events?order=oldest&limit=2",
		"event.json":       "/api/events/1",
		"deadletters.json": "/api/deadletters?owner=shelf",
		"letter.json":      "/api/deadletters/shelf/b",
		"replays.json":     "/api/replays",
		"readyz.json":      "/readyz",
		"problem.json":     "/api/events?limit=none",
	} {
		t.Run(name, func(t *testing.T) {
			w := b.get(target)
			if kind := w.Header().Get("Content-Type"); kind != "application/json" || !json.Valid(w.Body.Bytes()) {
				t.Fatalf("%s: %s", kind, w.Body)
			}
			golden(t, name, settled(w.Body.String()))
		})
	}
}

func TestSearch(t *testing.T) {
	b := newBench(t, options{})
	for query, want := range map[string][]uint64{
		"":                                   {3, 2, 1},
		"order=oldest":                       {1, 2, 3},
		"limit=1":                            {3},
		"to=2&limit=1":                       {2},
		"action=api-key.*":                   {3, 1},
		"actor=ALICE@example.com":            {1},
		"resource=ci":                        {1},
		"since=2026-11-17T08:30":             {3, 2},
		"until=2026-11-18":                   {2, 1},
		"text=bob":                           {2},
		"outcome=failure":                    {},
		"where=user.name+%3D%3D+%22alice%22": {1},
	} {
		found := decode[Found](t, b.get("/api/events?"+query))
		got := []uint64{}
		for _, e := range found.Events {
			got = append(got, e.Sequence)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
	}
}

// A page leads to the next until everything has been seen once.
func TestPagesLeadOn(t *testing.T) {
	for _, order := range []string{"newest", "oldest"} {
		b := newBench(t, options{})
		seen := map[uint64]int{}
		for target := "/api/events?limit=1&order=" + order; target != ""; {
			found := decode[Found](t, b.get(target))
			for _, e := range found.Events {
				seen[e.Sequence]++
			}
			target = found.Next
		}
		if fmt.Sprint(seen) != fmt.Sprint(map[uint64]int{1: 1, 2: 1, 3: 1}) {
			t.Errorf("%s: got %v", order, seen)
		}
	}
}

func TestASearchThatIsWrongIsRefused(t *testing.T) {
	b := newBench(t, options{})
	for query, why := range map[string]string{
		"since=yesterday": "since: ", "limit=0": "limit: ", "order=random": "order: ", "where=(": "where: ",
		"format=xml": "format: ", "actoor=x": `did you mean "actor"`, "from=x": "from: ",
	} {
		w := b.get("/api/events?" + query)
		if w.Code != http.StatusBadRequest || !strings.Contains(decode[Problem](t, w).Error, why) {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
	for target, want := range map[string]int{"/api/events/99": 404, "/api/events/0": 400, "/api/events/x": 400} {
		if got := b.get(target).Code; got != want {
			t.Errorf("%s: got %d, want %d", target, got, want)
		}
	}
}

func TestLinesInEveryFormat(t *testing.T) {
	b := newBench(t, options{})
	for _, format := range []string{"ecs", "ocsf", "cim", "cef", "leef", "raw"} {
		w := b.get("/api/events?format=" + format)
		if got := strings.Count(w.Body.String(), "\n"); w.Code != http.StatusOK || got != 3 {
			t.Errorf("%s: %d, %d lines", format, w.Code, got)
		}
	}
}

func TestReplayThroughTheAPI(t *testing.T) {
	b := newBench(t, options{write: true})
	for body, want := range map[string]int{
		`{}`: 400, `{"sink":"nowhere"}`: 404, `{"sink":"shelf","where":"("}`: 400, `{"sink":"shelf","rate":-1}`: 400,
		`{"sink":"shelf","from_seq":3,"to_seq":2}`: 400, `{"sinkk":"shelf"}`: 400, `nonsense`: 400,
	} {
		if w := b.post("/api/replay", body); w.Code != want {
			t.Errorf("%s: got %d, want %d: %s", body, w.Code, want, w.Body)
		}
	}
	b.h.changes = newClients(1000, 1000)
	dry := decode[Replay](t, b.post("/api/replay", `{"sink":"shelf","to_seq":3,"dry_run":true}`))
	if done := b.wait(dry.ID); done.State != ReplayDone || done.Matched != 3 || b.shelf.count() != 0 {
		t.Errorf("dry run: %+v, %d delivered", done, b.shelf.count())
	}
	w := b.post("/api/replay", `{"sink":"shelf","to_seq":3,"where":"user.name == \"alice\""}`)
	one := decode[Replay](t, w)
	if w.Code != http.StatusAccepted || w.Header().Get("Location") != "/api/replays/"+one.ID {
		t.Fatalf("got %d, %v", w.Code, w.Header())
	}
	if done := b.wait(one.ID); done.State != ReplayDone || done.Delivered != 1 {
		t.Errorf("got %+v", done)
	}
	if b.shelf.count() != 1 || !strings.Contains(b.shelf.items[0], `"replayed":true`) {
		t.Errorf("delivered %v", b.shelf.items)
	}
	acts := decode[Found](t, b.get("/api/events?action=shiplog.replay.*"))
	if len(acts.Events) != 2 {
		t.Errorf("the journal has %d events of the replay, want that it began and ended", len(acts.Events))
	}
	if got := b.post("/api/replays/"+one.ID+"/stop", "{}").Code; got != http.StatusConflict {
		t.Errorf("stop one that has ended: got %d", got)
	}
}

func putLetters(t *testing.T, b *bench) {
	t.Helper()
	at := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	for i, l := range []deadletter.Letter{
		{ID: "a", Reason: "mapping", Error: "no such field", Sequence: 1, EventID: "00000000-0000-4000-8000-000000000001", Body: []byte(`{"a":1}`)},
		{ID: "b", Reason: "mapping", Error: "<script>alert(2)</script>", Sequence: 2, EventID: "x", Body: []byte(`{"b":"\u202e"}`)},
		{ID: "c", Reason: "too_large", Error: "too large", Body: []byte{0xff, 0}},
	} {
		l.Owner, l.Kind, l.Time = "shelf", "sink", at.Add(time.Duration(i)*time.Minute)
		if err := b.letters.Put("shelf", l); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLettersThroughTheAPI(t *testing.T) {
	b := newBench(t, options{write: true})
	putLetters(t, b)
	for target, body := range map[string]string{
		"/api/deadletters/retry": `{"owner":"shelf"}`,
		"/api/deadletters/drop":  `{"owner":"shelf","all":true}`,
	} {
		if w := b.post(target, body); w.Code != http.StatusBadRequest {
			t.Errorf("%s %s: got %d", target, body, w.Code)
		}
	}
	if got := decode[Retried](t, b.post("/api/deadletters/retry", `{"owner":"shelf","ids":["a"]}`)); got.Delivered != 1 {
		t.Errorf("retry: %+v", got)
	}
	b.shelf.set(errors.New("down"))
	if w := b.post("/api/deadletters/retry", `{"owner":"shelf","reason":"mapping"}`); w.Code != http.StatusInternalServerError {
		t.Errorf("retry against a sink that is down: %d %s", w.Code, w.Body)
	}
	if got := decode[Dropped](t, b.post("/api/deadletters/drop", `{"owner":"shelf","all":true,"because":"a test"}`)); got.Dropped != 2 {
		t.Errorf("drop: %+v", got)
	}
	if counts, err := b.letters.Count(); err != nil || counts["shelf"] != 0 {
		t.Errorf("left: %v %v", counts, err)
	}
	acts := b.get("/api/events?action=shiplog.deadletters.*&format=ecs").Body.String()
	if !strings.Contains(acts, "a test") || strings.Count(acts, "\n") != 2 {
		t.Errorf("the journal has %s", acts)
	}
}

func TestReloadSaysWhatIsWrong(t *testing.T) {
	b := newBench(t, options{write: true})
	b.reloadErr = errors.New("test.yaml:3:1: sinks: at least one is needed")
	w := b.post("/api/reload", "")
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "test.yaml:3:1") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestVerify(t *testing.T) {
	b := newBench(t, options{})
	if got := b.post("/api/verify", "{}").Code; got != http.StatusAccepted {
		t.Fatalf("got %d", got)
	}
	b.h.verifier.ended.Wait()
	if v := decode[Status](t, b.get("/api/status")).Verify; !v.Sound || v.Last != 3 || v.Head == "" {
		t.Errorf("got %+v", v)
	}
}

// A replay that is stopped waits to be asked for again, and goes on from there.
func TestReplayIsInterruptedAndGoesOn(t *testing.T) {
	b := newBench(t, options{write: true})
	b.shelf.set(errors.New("down"))
	const body = `{"sink":"shelf","to_seq":3}`
	one := decode[Replay](t, b.post("/api/replay", body))
	if again := decode[Replay](t, b.post("/api/replay", body)); again.ID != one.ID || again.State != ReplayRunning {
		t.Errorf("asked again while it runs: %+v", again)
	}
	if got := b.post("/api/replays/"+one.ID+"/stop", "{}").Code; got != http.StatusAccepted {
		t.Fatalf("stop: got %d", got)
	}
	if stopped := b.wait(one.ID); stopped.State != ReplayInterrupted || stopped.Delivered != 0 {
		t.Errorf("stopped: %+v", stopped)
	}
	if s := decode[Status](t, b.get("/api/status")); len(s.Replays) != 1 || s.Replays[0].State != ReplayInterrupted {
		t.Errorf("the status has %+v", s.Replays)
	}
	b.shelf.set(nil)
	b.post("/api/replay", body)
	if done := b.wait(one.ID); done.State != ReplayDone || done.Delivered != 3 {
		t.Errorf("gone on with: %+v", done)
	}
}
