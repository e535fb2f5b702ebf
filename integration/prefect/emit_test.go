//go:build integration

package prefect

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/shiplog/shiplog/integration/harness"
)

const credentials = "admin:not-a-real-password"

// emitter sends events to a server that comes and goes.
type emitter struct {
	t      testing.TB
	server *harness.Prefect
}

func eventID(n int) string { return fmt.Sprintf("5b1d0000-0000-4000-8000-%012d", n) }

func eventText(n int, at time.Time) []byte {
	return fmt.Appendf(nil, `{"id":%q,"occurred":%q,"event":"prefect-cloud.api-key.created","resource":{"prefect.resource.id":"prefect-cloud.api-key.%d"},"related":[],"payload":{"n":%d}}`,
		eventID(n), at.UTC().Format(time.RFC3339Nano), n, n)
}

// post sends events by HTTP. Whether they were taken is not known after an
// error.
func (e *emitter) post(ctx context.Context, events [][]byte) error {
	body := append(append([]byte("["), bytes.Join(events, []byte(","))...), ']')
	resp, err := e.do(ctx, "/events", body)
	if err != nil {
		return err
	}
	if resp.status != http.StatusNoContent {
		return fmt.Errorf("status %d: %s", resp.status, resp.body)
	}
	return nil
}

type answer struct {
	status int
	body   []byte
}

func (e *emitter) do(ctx context.Context, path string, body []byte) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.server.Base+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	user, password, _ := strings.Cut(credentials, ":")
	req.SetBasicAuth(user, password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, text}, err
}

// stream sends events by websocket, as Prefect's client does.
func (e *emitter) stream(ctx context.Context, events [][]byte) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, //nolint:bodyclose // Dial closes it
		"ws"+strings.TrimPrefix(e.server.Base, "http")+"/events/in", &websocket.DialOptions{Subprotocols: []string{"prefect"}})
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	hello, _ := json.Marshal(map[string]string{"type": "auth", "token": credentials})
	if err := conn.Write(ctx, websocket.MessageText, hello); err != nil {
		return err
	}
	if _, _, err := conn.Read(ctx); err != nil {
		return err
	}
	ctx = conn.CloseRead(ctx)
	for _, text := range events {
		if err := conn.Write(ctx, websocket.MessageText, text); err != nil {
			return err
		}
	}
	return conn.Ping(ctx) // an answer shows that all before it was taken
}

// total is how many of the events the server has.
func (e *emitter) total(ctx context.Context) (int, error) {
	a, err := e.do(ctx, "/events/count-by/event", fmt.Appendf(nil,
		`{"filter":{"occurred":{"since":%q,"until":%q}}}`, time.Now().Add(-2*time.Hour).UTC().Format(time.RFC3339), time.Now().Add(time.Hour).UTC().Format(time.RFC3339)))
	if err != nil {
		return 0, err
	}
	var counts []struct {
		Value string `json:"value"`
		Count int    `json:"count"`
	}
	if err := json.Unmarshal(a.body, &counts); err != nil {
		return 0, fmt.Errorf("%w: %s", err, a.body)
	}
	for _, c := range counts {
		if c.Value == "prefect-cloud.api-key.created" {
			return c.Count, nil
		}
	}
	return 0, nil
}

// resend sends what the server does not have.
func (e *emitter) resend(ctx context.Context, events [][]byte) error {
	const page = 50 // the server's most
	sent := 0
	for first := 0; first < len(events); first += page {
		part := events[first:min(first+page, len(events))]
		ids := make([]string, len(part))
		for i := range part {
			ids[i] = eventID(first + i)
		}
		query, _ := json.Marshal(map[string]any{"limit": page, "filter": map[string]any{
			"id": map[string]any{"id": ids}, "occurred": map[string]any{"since": time.Now().Add(-2 * time.Hour).UTC()},
		}})
		a, err := e.do(ctx, "/events/filter", query)
		if err != nil {
			return err
		}
		var lacking [][]byte
		for i, id := range ids {
			if !bytes.Contains(a.body, []byte(id)) {
				lacking = append(lacking, part[i])
			}
		}
		if len(lacking) == 0 {
			continue
		}
		sent += len(lacking)
		if err := e.post(ctx, lacking); err != nil {
			return err
		}
	}
	e.t.Logf("sent %d events again", sent)
	return nil
}
