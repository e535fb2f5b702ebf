package admin

import "net/http"

// config answers GET /api/config: the effective config as YAML, secrets hidden.
func (h *handlers) config(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml; charset=utf-8")
	_, _ = w.Write(h.File().Redacted()) // the client is gone: nobody to tell
}

// reload answers POST /api/reload once the config is in force or refused.
func (h *handlers) reload(w http.ResponseWriter, r *http.Request) {
	patient(w)
	if err := h.Reload(r.Context()); err != nil {
		h.refuse(w, r, http.StatusUnprocessableEntity, "refused, the old config goes on: "+err.Error())
		return
	}
	answer(w, http.StatusOK, h.LastReload())
}
