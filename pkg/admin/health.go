package admin

import (
	"io"
	"net/http"
	"slices"

	"github.com/shiplog/shiplog/pkg/pipeline"
)

// healthz says that the process lives and can go on living: a journal that must
// not be written to any more is the one thing that only a restart mends.
func (h *handlers) healthz(w http.ResponseWriter, r *http.Request) {
	if s := h.probed(r); s.Journal.Failure != "" {
		http.Error(w, "the journal must not be written to any more: "+s.Journal.Failure, http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

// Readiness is the body of /readyz.
type Readiness struct {
	Ready bool `json:"ready"`

	// NotReady lists what keeps the agent from taking events in.
	NotReady []string `json:"not_ready,omitempty"`

	// Degraded lists what does not work but loses nothing: a sink that is down
	// waits in the journal.
	Degraded []string `json:"degraded,omitempty"`
}

// readiness judges a status: ready means that sources run and that the journal
// takes events.
func readiness(s pipeline.Status) Readiness {
	var r Readiness
	if s.Journal.Failure != "" {
		r.NotReady = append(r.NotReady, "journal: "+s.Journal.Failure)
	}
	if s.Journal.Full {
		r.NotReady = append(r.NotReady, "journal: full since "+s.Journal.FullSince.Format("2006-01-02T15:04:05Z07:00"))
	}
	if !s.Running {
		r.NotReady = append(r.NotReady, "pipeline: not running")
	}
	for _, src := range s.Sources {
		switch {
		case src.State == "failed" || src.State == "stopped" || src.State == "starting":
			r.NotReady = append(r.NotReady, "source "+src.Name+": "+src.State+why(src.LastError))
		case src.Connected != nil && !*src.Connected:
			r.Degraded = append(r.Degraded, "source "+src.Name+": not connected"+why(src.LastError))
		}
	}
	for _, sink := range s.Sinks {
		if !sink.Up {
			r.Degraded = append(r.Degraded, "sink "+sink.Name+": "+sink.State+why(sink.LastError))
		}
	}
	r.Ready = len(r.NotReady) == 0
	return r
}

func why(f *pipeline.Failure) string {
	if f == nil {
		return ""
	}
	return ": " + f.Error
}

func (h *handlers) readyz(w http.ResponseWriter, r *http.Request) {
	ready := readiness(h.probed(r))
	code := http.StatusOK
	if !ready.Ready {
		code = http.StatusServiceUnavailable
	}
	answer(w, code, ready)
}

// probed is the status as a request for health may know it. Anybody is answered,
// for probes carry no token; the errors, which name hosts and paths, are for who
// does.
func (h *handlers) probed(r *http.Request) pipeline.Status {
	s := h.Pipeline.Status()
	if admitted, _ := h.admit(r); !admitted {
		return withoutErrors(s)
	}
	return s
}

func withoutErrors(s pipeline.Status) pipeline.Status {
	if s.Journal.Failure != "" {
		s.Journal.Failure = "it has failed, see the log"
	}
	s.Sources, s.Sinks = slices.Clone(s.Sources), slices.Clone(s.Sinks)
	for i := range s.Sources {
		s.Sources[i].LastError = nil
	}
	for i := range s.Sinks {
		s.Sinks[i].LastError = nil
	}
	return s
}
