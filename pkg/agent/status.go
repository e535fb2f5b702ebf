package agent

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/shiplog/shiplog/pkg/admin"
	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/deadletter"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/pipeline"
)

// Status asks the running agent how it is. Where none answers, what the data
// directory tells: then Running is false.
func Status(ctx context.Context, plan *Plan) (admin.Status, error) {
	s, err := Live(ctx, plan.File.Admin)
	if err == nil {
		return s, nil
	}
	if refused, ok := errors.AsType[*refusedError](err); ok {
		return admin.Status{}, refused // it runs, and does not want to tell us
	}
	resting, err := restingStatus(plan)
	return admin.Status{Status: resting}, err
}

// Live asks the agent that runs.
func Live(ctx context.Context, c config.Admin) (s admin.Status, err error) {
	r, err := remoteOf(c)
	if err != nil {
		return s, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err = r.get(ctx, "/api/status", &s)
	return s, err
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
	if s.Agent, err = knownIdentity(plan.File.DataDir); err != nil {
		return s, err
	}
	j, err := view.Stats()
	if err != nil {
		return s, err
	}
	s.Journal = pipeline.JournalStatus{
		ID: view.ID(), First: j.First, Last: j.Last, Segments: j.Segments, Bytes: j.Bytes,
		Oldest: j.OldestTime, Head: hex.EncodeToString(j.Head[:]),
	}
	positions, err := view.Positions()
	if err != nil {
		return s, err
	}
	for _, src := range plan.Pipeline.Sources {
		last, err := pipeline.LastReconciled(plan.File.DataDir, src.Name)
		if err != nil {
			return s, err
		}
		s.Sources = append(s.Sources, pipeline.SourceStatus{
			Name: src.Name, Type: src.Spec.Type, State: "not running", Parts: len(positions[src.Name]), Reconciled: last,
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
