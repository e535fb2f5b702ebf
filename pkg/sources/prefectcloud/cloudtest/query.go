package cloudtest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// filter is the part of the API's EventFilter that is understood; a key beyond
// it is refused.
type filter struct {
	Occurred struct {
		Since time.Time `json:"since"`
		Until time.Time `json:"until"`
	} `json:"occurred"`
	Event *struct {
		Prefix        []string `json:"prefix"`
		Name          []string `json:"name"`
		ExcludePrefix []string `json:"exclude_prefix"`
		ExcludeName   []string `json:"exclude_name"`
	} `json:"event"`
	Order string `json:"order"`
}

// token is what a cursor holds.
type token struct {
	Filter    filter
	Workspace string
	Limit     int
	Offset    int
	Total     int
}

func (s *Server) limit() int {
	if s.options.Account == "" {
		return ServerPage
	}
	return CloudPage
}

// answer gives a page, or what the fault makes of it.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, path, workspace string, n int, f Fault) {
	if f.before != nil && f.before(w, r) {
		return
	}
	t, err := s.read(r, path, workspace)
	if err != nil {
		writeJSON(w, http.StatusUnprocessableEntity, map[string]any{"detail": []any{map[string]string{"msg": err.Error()}}})
		return
	}
	if t == nil {
		writeJSON(w, http.StatusForbidden, detail("Forbidden"))
		return
	}
	page := s.page(r, t, n)
	if f.repeat {
		page.Next = page.self
	}
	text := page.encode()
	if f.after != nil {
		f.after(w, text)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // #nosec G705 -- JSON, for a test
}

// read understands a request; a nil token is a cursor that is garbled.
func (s *Server) read(r *http.Request, path, workspace string) (*token, error) {
	if path == "/events/filter/next" {
		text, err := base64.URLEncoding.DecodeString(r.URL.Query().Get("page-token"))
		var t token
		if err != nil || json.Unmarshal(text, &t) != nil {
			return nil, nil //nolint:nilnil // as said
		}
		if s.options.Account != "" && t.Offset+t.Limit > MaxOffset {
			return nil, fmt.Errorf("offset must be at most %d", MaxOffset)
		}
		return &t, nil
	}
	body := struct {
		Limit  int    `json:"limit"`
		Filter filter `json:"filter"`
	}{Limit: 50}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		return nil, err
	}
	span := body.Filter.Occurred.Until.Sub(body.Filter.Occurred.Since)
	switch {
	case r.ContentLength < 0:
		return nil, fmt.Errorf("a body without a length")
	case body.Limit > s.limit() || body.Limit < 0:
		return nil, fmt.Errorf("limit must be at most %d", s.limit())
	case s.options.Account != "" && span > MaxWindow:
		return nil, fmt.Errorf("a window of %s is too long", span)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries = append(s.queries, Query{
		Since: body.Filter.Occurred.Since, Until: body.Filter.Occurred.Until,
		Order: body.Filter.Order, Limit: body.Limit,
	})
	return &token{Filter: body.Filter, Workspace: workspace, Limit: body.Limit, Total: -1}, nil
}

type page struct {
	Events     [][]byte
	Total      int
	Next, self string
}

func (p page) encode() []byte {
	next := "null"
	if p.Next != "" {
		text, _ := json.Marshal(p.Next)
		next = string(text)
	}
	// A blank here and there: what is stored must be what was sent.
	return fmt.Appendf(nil, `{"events": [%s], "total": %d, "next_page": %s}`, bytes.Join(p.Events, []byte(" , ")), p.Total, next)
}

func (s *Server) page(r *http.Request, t *token, n int) page {
	found := s.match(t.Filter, t.Workspace)
	if s.options.Shuffle {
		random := rand.New(rand.NewPCG(uint64(n), 1)) // #nosec G404 G115 -- a test's
		random.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
	}
	slices.SortStableFunc(found, func(a, b Event) int { return a.Occurred.Compare(b.Occurred) })
	if t.Filter.Order != "ASC" {
		slices.Reverse(found)
	}
	if t.Total < 0 {
		t.Total = len(found)
	}
	p := page{Total: t.Total, self: s.cursor(r, *t)}
	for _, e := range found[min(t.Offset, len(found)):min(t.Offset+t.Limit, len(found))] {
		p.Events = append(p.Events, e.Raw)
	}
	if end := t.Offset + t.Limit; end < t.Total {
		next := *t
		next.Offset = end
		p.Next = s.cursor(r, next)
	}
	return p
}

func (s *Server) cursor(r *http.Request, t token) string {
	text, _ := json.Marshal(t)
	path := strings.TrimSuffix(strings.TrimSuffix(r.URL.Path, "/next"), "/")
	return s.http.URL + path + "/next?page-token=" + base64.URLEncoding.EncodeToString(text)
}

func (s *Server) match(f filter, workspace string) []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Event
	for _, e := range s.events {
		if f.matches(e) && (workspace == "" || e.Workspace == workspace) {
			found = append(found, e)
		}
	}
	return found
}

func (f filter) matches(e Event) bool {
	if e.Occurred.Before(f.Occurred.Since) || e.Occurred.After(f.Occurred.Until) {
		return false
	}
	n := f.Event
	if n == nil {
		return true
	}
	starts := func(prefix string) bool { return strings.HasPrefix(e.Name, prefix) }
	return (len(n.Prefix) == 0 || slices.ContainsFunc(n.Prefix, starts)) &&
		(len(n.Name) == 0 || slices.Contains(n.Name, e.Name)) &&
		!slices.ContainsFunc(n.ExcludePrefix, starts) && !slices.Contains(n.ExcludeName, e.Name)
}

// count answers count-by/time in hours.
func (s *Server) count(w http.ResponseWriter, r *http.Request, workspace string) {
	var body struct {
		Filter   filter  `json:"filter"`
		Unit     string  `json:"time_unit"`
		Interval float64 `json:"time_interval"`
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil || body.Unit != "hour" || body.Interval != 1 {
		writeJSON(w, http.StatusUnprocessableEntity, detail("not understood"))
		return
	}
	type bucket struct {
		Value string    `json:"value"`
		Label string    `json:"label"`
		Count int       `json:"count"`
		Start time.Time `json:"start_time"`
		End   time.Time `json:"end_time"`
	}
	buckets := []bucket{}
	for at := body.Filter.Occurred.Since; !at.After(body.Filter.Occurred.Until); at = at.Add(time.Hour) {
		end := at.Add(time.Hour - time.Microsecond)
		b := bucket{Value: fmt.Sprint(len(buckets)), Label: at.Format(time.RFC3339), Start: at, End: end}
		part := body.Filter
		part.Occurred.Since, part.Occurred.Until = at, end
		if end.After(body.Filter.Occurred.Until) {
			part.Occurred.Until = body.Filter.Occurred.Until
		}
		b.Count = len(s.match(part, workspace))
		buckets = append(buckets, b)
	}
	writeJSON(w, http.StatusOK, buckets)
}
