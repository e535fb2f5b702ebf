package admin

import (
	"encoding/json"
	"net/http"
	"time"
)

// maxStreams bounds how many may watch at once.
const maxStreams = 16

// stream answers GET /api/stream with server-sent events: the status each
// second, or with ?view=page what the page shows of it.
func (h *handlers) stream(w http.ResponseWriter, r *http.Request) {
	select {
	case h.streams <- struct{}{}:
		defer func() { <-h.streams }()
	default:
		h.fail(w, r, errBusy)
		return
	}
	patient(w)
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy must not collect it
	name, show := "status", func() any { return h.now() }
	if r.URL.Query().Get("view") == "page" {
		name, show = "view", func() any { return h.flow().Live }
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		data, err := json.Marshal(show())
		if err != nil {
			h.Log.Error("stream the status", "err", err)
			return
		}
		_ = out.SetWriteDeadline(time.Now().Add(10 * time.Second)) // of a client that does not read
		if _, err := w.Write(append(append([]byte("event: "+name+"\ndata: "), data...), "\n\n"...)); err != nil {
			return
		}
		if err := out.Flush(); err != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
		if admitted, _ := h.admit(r); !admitted {
			return // logged out, or the token is another by now
		}
	}
}
