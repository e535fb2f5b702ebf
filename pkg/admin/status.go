package admin

import (
	"net/http"

	"github.com/shiplog/shiplog/pkg/pipeline"
)

// Status is the body of GET /api/status.
type Status struct {
	pipeline.Status
	Reload  Reload       `json:"last_reload,omitzero"`
	Replays []Replay     `json:"replays,omitempty"` // that run or were interrupted
	Verify  Verification `json:"last_verify,omitzero"`
	Write   bool         `json:"write"` // whether the admin listener lets things be changed
}

func (h *handlers) now() Status {
	s := Status{Status: h.Pipeline.Status(), Reload: h.LastReload(), Verify: h.verifier.state(), Write: h.Write}
	list, err := h.replays.list()
	if err != nil {
		h.Log.Warn("list the replays", "err", err)
	}
	for _, one := range list {
		if one.State == ReplayRunning || one.State == ReplayInterrupted {
			s.Replays = append(s.Replays, one)
		}
	}
	return s
}

func (h *handlers) status(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, h.now())
}
