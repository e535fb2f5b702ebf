//go:build integration

package kafkaagent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

const account = "f7fd8b2d-fc26-45b7-90fb-8b8d91076163"

// people are who does things in the events.
var people = []string{"ana", "ravi", "zoë", "liu", "o'neill", "sam", "noor", "kei"}

// idOf is the id of event n.
func idOf(n int) string { return fmt.Sprintf(idHead+"%012d", n) }

// idHead begins every id. An agent's events about itself have others.
const idHead = "5e9a0d17-c0de-4bad-8a5e-"

func isOwn(id string) bool { return !strings.HasPrefix(id, idHead) }

// personOf is who did event n.
func personOf(n int) string { return people[n%len(people)] }

// line is event n as Prefect sends it; note is there to be of any size.
func line(n int, at time.Time, note string) string {
	text, _ := json.Marshal(note)
	return fmt.Sprintf(`{"id":"%[1]s","occurred":"%[2]s","event":"prefect-cloud.api-key.created",`+
		`"resource":{"prefect.resource.id":"prefect-cloud.api-key.%[1]s","prefect.resource.name":"key-%[3]d"},`+
		`"related":[{"prefect.resource.id":"prefect-cloud.actor.%[4]s","prefect.resource.role":"actor","prefect-cloud.handle":"%[4]s","prefect-cloud.email":"%[4]s@example.com"}],`+
		`"payload":{"note":%[5]s},"account":"%[6]s","workspace":null,"follows":null}`+"\n",
		idOf(n), at.UTC().Format(time.RFC3339Nano), n, personOf(n), text, account)
}

// lines are the events from first on.
func lines(first, count int, at time.Time) string {
	var all strings.Builder
	for n := first; n < first+count; n++ {
		all.WriteString(line(n, at, "rotated by schedule"))
	}
	return all.String()
}

// complete wants each of the events from 0 on at least once, and returns how
// many events came more than once. Those that an agent ships about itself count
// as well.
func complete(t *testing.T, where string, ids []string, count int) (repeats int) {
	t.Helper()
	seen := make(map[string]bool, count)
	for _, id := range ids {
		seen[id] = true
	}
	missing := 0
	for n := range count {
		if !seen[idOf(n)] {
			if missing++; missing <= 3 {
				t.Errorf("%s lacks event %d", where, n)
			}
		}
	}
	if missing > 0 {
		t.Errorf("%s lacks %d of %d events", where, missing, count)
	}
	return len(ids) - len(seen)
}

// document is what a test looks at in an event as it was shipped.
type document struct {
	Time  time.Time `json:"@timestamp"`
	Event struct {
		ID     string `json:"id"`
		Action string `json:"action"`
	} `json:"event"`
	User struct {
		Email string `json:"email"`
	} `json:"user"`
}

// idsIn returns the ids of the events in a file that an agent writes, in their
// order. A last line that is being written is left alone.
func idsIn(t *testing.T, file []byte) []string {
	t.Helper()
	file = file[:bytes.LastIndexByte(file, '\n')+1]
	var ids []string
	all := bufio.NewScanner(bytes.NewReader(file))
	all.Buffer(nil, 1<<20)
	for all.Scan() {
		var d document
		if err := json.Unmarshal(all.Bytes(), &d); err != nil {
			t.Fatalf("a torn line: %v", err)
		}
		ids = append(ids, d.Event.ID)
	}
	if err := all.Err(); err != nil {
		t.Fatal(err)
	}
	return ids
}
