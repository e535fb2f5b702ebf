package agent

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/deadletter"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/pipeline"
)

// Status asks the running agent how it is. Where none answers, what the data
// directory tells: then Running is false.
func Status(ctx context.Context, plan *Plan) (pipeline.Status, error) {
	s, err := liveStatus(ctx, plan.File.Admin)
	if err == nil {
		return s, nil
	}
	if refused, ok := errors.AsType[*refusedError](err); ok {
		return pipeline.Status{}, refused // it runs, and does not want to tell us
	}
	return restingStatus(plan)
}

// refusedError is an answer of the admin listener that is no status.
type refusedError struct{ text string }

func (e *refusedError) Error() string { return e.text }

// Ask sends a GET to the admin listener of a running agent and returns the body.
func Ask(ctx context.Context, c config.Admin, path string) ([]byte, error) {
	if c.Listen == "" {
		return nil, errors.New("admin.listen is off")
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+dialable(c.Listen)+path, nil)
	if err != nil {
		return nil, fmt.Errorf("admin.listen: %w", err)
	}
	if token := c.Token.Reveal(); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the agent at %s: %w", c.Listen, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return nil, fmt.Errorf("ask the agent at %s: %w", c.Listen, err)
	}
	if resp.StatusCode != http.StatusOK {
		return body, &refusedError{fmt.Sprintf("the agent at %s answers %s to %s: %s", c.Listen, resp.Status, path, strings.TrimSpace(string(body)))}
	}
	return body, nil
}

// dialable turns an address to listen on into one to connect to.
func dialable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("localhost", port)
	}
	return listen
}

func liveStatus(ctx context.Context, c config.Admin) (s pipeline.Status, err error) {
	body, err := Ask(ctx, c, "/api/status")
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return s, &refusedError{fmt.Sprintf("what listens at %s is no shiplog: %v", c.Listen, err)}
	}
	return s, nil
}

// restingStatus reads the data directory.
func restingStatus(plan *Plan) (pipeline.Status, error) {
	s := pipeline.Status{Time: time.Now().UTC()}
	view, err := journal.OpenReadOnly(plan.File.DataDir)
	if errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("no agent answers at %s, and none has run in %s yet", plan.File.Admin.Listen, plan.File.DataDir)
	}
	if err != nil {
		return s, err
	}
	j, err := view.Stats()
	if err != nil {
		return s, err
	}
	s.Journal = pipeline.JournalStatus{
		First: j.First, Last: j.Last, Segments: j.Segments, Bytes: j.Bytes,
		Oldest: j.OldestTime, Head: hex.EncodeToString(j.Head[:]),
	}
	positions, err := view.Positions()
	if err != nil {
		return s, err
	}
	for _, src := range plan.Pipeline.Sources {
		s.Sources = append(s.Sources, pipeline.SourceStatus{
			Name: src.Name, Type: src.Spec.Type, State: "not running", Parts: len(positions[src.Name]),
		})
	}
	for _, sink := range plan.Pipeline.Sinks {
		one, err := restingSink(plan.File.DataDir, sink, j)
		if err != nil {
			return s, err
		}
		s.Sinks = append(s.Sinks, one)
	}
	letters, err := deadletter.Open(filepath.Join(plan.File.DataDir, "deadletters"))
	if err != nil {
		return s, err
	}
	s.Letters, err = letters.Count()
	return s, err
}

func restingSink(dataDir string, sink pipeline.SinkSpec, j journal.Stats) (pipeline.SinkStatus, error) {
	s := pipeline.SinkStatus{Name: sink.Name, Type: sink.Spec.Type, State: "not running"}
	c, ok, err := journal.LoadCursor(filepath.Join(dataDir, "cursors"), sink.Name)
	if err != nil {
		return s, err
	}
	if !ok {
		s.State = "not started yet"
		return s, nil
	}
	s.Cursor, s.Stored, s.Base, s.LastSuccess = c.Sequence, c.Sequence, c.Base, c.Acked
	s.Delivered, s.Duplicate, s.Filtered = c.Delivered, c.Duplicate, c.Filtered
	s.DeadLetter, s.Lost, s.Number = c.DeadLetter, c.Lost, c.Numbered
	if j.Last > c.Sequence {
		s.Backlog = j.Last - c.Sequence
	}
	return s, nil
}
