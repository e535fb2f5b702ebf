package admin

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/shiplog/shiplog/pkg/deadletter"
	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/pipeline"
)

// answer writes a body as JSON.
func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(body) // the client is gone: nobody to tell
}

// Problem is the body of every answer that is an error.
type Problem struct {
	Error string `json:"error"`
}

// fail is refuse for an error, with the code that suits it.
func (h *handlers) fail(w http.ResponseWriter, r *http.Request, err error) {
	h.refuse(w, r, codeOf(err), err.Error())
}

// askError is a request that cannot be met as it was put.
type askError struct{ text string }

func (e askError) Error() string { return e.text }

func codeOf(err error) int {
	var ask askError
	var far *fault.Error // of a sink
	switch {
	case errors.As(err, &ask):
		return http.StatusBadRequest
	case errors.Is(err, pipeline.ErrNoSink), errors.Is(err, pipeline.ErrNoSource), errors.Is(err, deadletter.ErrNotFound), errors.Is(err, errNotFound):
		return http.StatusNotFound
	case errors.Is(err, errBusy):
		return http.StatusTooManyRequests
	case errors.Is(err, pipeline.ErrDeciding):
		return http.StatusConflict
	case errors.Is(err, pipeline.ErrNotRunning), errors.Is(err, errTooLong):
		return http.StatusServiceUnavailable
	case errors.As(err, &far):
		return http.StatusBadGateway
	default:
		return http.StatusInternalServerError
	}
}

var (
	errNotFound = errors.New("there is no such thing")
	errBusy     = errors.New("too much of this runs already: try again when some of it has ended")
	errTooLong  = errors.New("this took too long: ask for less, such as a narrower time range")
)

// read decodes a JSON body. What it does not know is a mistake.
func read(r *http.Request, into any) error {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return askError{"the body is not what is asked for here: " + err.Error()}
	}
	return nil
}
