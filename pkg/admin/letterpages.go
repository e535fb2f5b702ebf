package admin

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/shiplog/shiplog/pkg/pipeline"
	"github.com/shiplog/shiplog/pkg/search"
)

// pileRow is a pile with what the page needs beside it.
type pileRow struct {
	Pile
	Open bool // its letters are listed below
}

type lettersBody struct {
	Piles   []pileRow
	Owner   string
	Reason  string
	Letters []Letter
	Now     time.Time
}

func (h *handlers) lettersPage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	h.showLetters(w, r, http.StatusOK, q.Get("owner"), q.Get("reason"), view{})
}

func (h *handlers) showLetters(w http.ResponseWriter, r *http.Request, code int, owner, reason string, v view) {
	piles, err := Piles(h.Letters)
	if err != nil {
		h.refuse(w, r, codeOf(err), err.Error())
		return
	}
	b := lettersBody{Owner: owner, Reason: reason, Now: time.Now()}
	for _, p := range piles {
		b.Piles = append(b.Piles, pileRow{p, p.Owner == owner && (reason == "" || p.Reason == reason)})
	}
	if owner != "" {
		if b.Letters, err = newestLetters(h.Letters, owner, reason, defaultLetters); err != nil {
			h.refuse(w, r, http.StatusBadRequest, err.Error())
			return
		}
	}
	v.Title, v.Here, v.Body = "Dead letters", "deadletters", b
	h.render(w, code, "deadletters", v)
}

func (h *handlers) letterPage(w http.ResponseWriter, r *http.Request) {
	l, err := h.Letters.Get(r.PathValue("owner"), r.PathValue("id"))
	if err != nil {
		h.refuse(w, r, codeOf(err), err.Error())
		return
	}
	h.render(w, http.StatusOK, "letter", view{Title: "Dead letter", Here: "deadletters", Body: struct {
		Letter
		Lines []line
		Now   time.Time
	}{shown(l, false), linesOf(string(indent(l.Body))), time.Now()}})
}

// lettersForm retries or drops what a form of the page says.
func (h *handlers) lettersForm(w http.ResponseWriter, r *http.Request) {
	s := Selection{Owner: r.PostFormValue("owner"), Reason: r.PostFormValue("reason")}
	if id := r.PostFormValue("id"); id != "" {
		s.IDs, s.Reason = []string{id}, ""
	}
	var v view
	var err error
	switch r.PostFormValue("do") {
	case "retry":
		var done Retried
		done, err = h.retry(w, r, s)
		v.Said = fmt.Sprintf("%d accepted, %d refused again.", done.Delivered, done.Refused)
		if done.LastError != "" {
			v.Said += " The last refusal: " + Plain(done.LastError)
		}
	case "drop":
		var n int
		n, err = h.drop(w, r, DropAsk{Selection: s, Because: r.PostFormValue("because")})
		v.Said = fmt.Sprintf("%d dropped; why is in the journal.", n)
	default:
		err = askError{"neither retry nor drop"}
	}
	code := http.StatusOK
	if err != nil {
		v.Said, v.Wrong, code = "", err.Error(), codeOf(err)
	}
	h.showLetters(w, r, code, s.Owner, r.PostFormValue("reason"), v)
}

// replayForm begins a replay from the flow page.
func (h *handlers) replayForm(w http.ResponseWriter, r *http.Request) {
	req, err := replayOf(r, time.Now())
	if err == nil {
		_, err = h.replays.begin(ReplayAsk{ReplayRequest: req, DryRun: r.PostFormValue("dry_run") != ""})
	}
	if err != nil {
		h.showFlow(w, codeOf(err), "", "No replay was begun: "+err.Error())
		return
	}
	http.Redirect(w, r, "/#replays", http.StatusSeeOther)
}

func replayOf(r *http.Request, now time.Time) (req pipeline.ReplayRequest, err error) {
	req.Sink, req.Where = r.PostFormValue("sink"), r.PostFormValue("where")
	if req.Since, err = search.ParseTime(r.PostFormValue("since"), now); err != nil {
		return req, askError{"since: " + err.Error()}
	}
	if req.Until, err = search.ParseTime(r.PostFormValue("until"), now); err != nil {
		return req, askError{"until: " + err.Error()}
	}
	if req.Since.IsZero() {
		return req, askError{"since is missing: where does it begin?"}
	}
	if text := r.PostFormValue("rate"); text != "" {
		if req.Rate, err = strconv.Atoi(text); err != nil {
			return req, askError{"rate: events a second, as a number"}
		}
	}
	return req, nil
}

// stopForm interrupts a replay, or goes on with one that was.
func (h *handlers) stopForm(w http.ResponseWriter, r *http.Request) {
	one, err := h.replays.find(r.PostFormValue("id"))
	switch {
	case err != nil:
	case one.State == ReplayRunning:
		h.replays.stop(one.ID)
	default:
		_, err = h.replays.begin(ReplayAsk{ReplayRequest: one.Request, DryRun: one.DryRun})
	}
	if err != nil {
		h.showFlow(w, codeOf(err), "", err.Error())
		return
	}
	http.Redirect(w, r, "/#replays", http.StatusSeeOther)
}
