package admin

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/shiplog/shiplog/pkg/deadletter"
)

// Selection says which dead letters of one owner are meant: those with the IDs,
// those with the reason, or all. Saying nothing selects nothing.
type Selection struct {
	Owner  string   `json:"owner"`
	IDs    []string `json:"ids,omitempty"`
	Reason string   `json:"reason,omitempty"`
	All    bool     `json:"all,omitempty"`
}

// Choose returns the selection as the pipeline takes it.
func (s Selection) Choose() (func(deadletter.Letter) bool, error) {
	ways := 0
	for _, given := range []bool{len(s.IDs) > 0, s.Reason != "", s.All} {
		if given {
			ways++
		}
	}
	switch {
	case s.Owner == "":
		return nil, askError{"whose dead letters? name the sink or the source"}
	case ways != 1:
		return nil, askError{"which dead letters? give ids, a reason, or all"}
	case s.All:
		return nil, nil
	case s.Reason != "":
		return func(l deadletter.Letter) bool { return l.Reason == s.Reason }, nil
	}
	wanted := make(map[string]bool, len(s.IDs))
	for _, id := range s.IDs {
		wanted[id] = true
	}
	return func(l deadletter.Letter) bool { return wanted[l.ID] }, nil
}

// DropAsk is the body of POST /api/deadletters/drop.
type DropAsk struct {
	Selection
	Because string `json:"because"` // goes into the journal with the act
}

// Retried is the answer to POST /api/deadletters/retry.
type Retried struct {
	Delivered int    `json:"delivered"` // accepted now; no longer dead letters
	Refused   int    `json:"refused"`   // refused again; they stay
	LastError string `json:"last_error,omitempty"`
	Error     string `json:"error,omitempty"` // what ended it early
}

// Dropped is the answer to POST /api/deadletters/drop.
type Dropped struct {
	Dropped int `json:"dropped"`
}

// Pile is the dead letters of one owner that have one reason.
type Pile struct {
	Owner   string    `json:"owner"`
	Kind    string    `json:"kind"` // sink or source
	Reason  string    `json:"reason"`
	Count   int       `json:"count"`
	Oldest  time.Time `json:"oldest"`
	Newest  time.Time `json:"newest"`
	Example string    `json:"example"` // the newest's error
}

// Piles sorts the dead letters of a store by owner and reason, the largest pile
// first.
func Piles(s *deadletter.Store) ([]Pile, error) {
	owners, err := s.Owners()
	if err != nil {
		return nil, err
	}
	var piles []Pile
	for _, owner := range owners {
		at := make(map[string]int)
		err := s.List(owner, func(l deadletter.Letter) error {
			i, ok := at[l.Reason]
			if !ok {
				i = len(piles)
				at[l.Reason] = i
				piles = append(piles, Pile{Owner: owner, Kind: l.Kind, Reason: l.Reason, Oldest: l.Time})
			}
			piles[i].Count++
			piles[i].Newest, piles[i].Example = l.Time, l.Error
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(piles, func(a, b Pile) int { return cmp.Compare(b.Count, a.Count) })
	return piles, nil
}

// Letter is a dead letter as the API shows it. The body is text where it is
// text; a list leaves it out.
type Letter struct {
	ID        string    `json:"id"`
	Time      time.Time `json:"time"`
	Owner     string    `json:"owner"`
	Kind      string    `json:"kind"`
	Reason    string    `json:"reason"`
	Error     string    `json:"error"`
	Sequence  uint64    `json:"sequence,omitempty"`
	Number    uint64    `json:"number,omitempty"`
	EventID   string    `json:"event_id,omitempty"`
	Origin    string    `json:"origin,omitempty"`
	Size      int       `json:"size"` // of the body, in bytes
	Truncated bool      `json:"truncated,omitempty"`
	Text      string    `json:"text,omitempty"`
	Bytes     []byte    `json:"bytes,omitempty"` // base64, where the body is no text
}

func shown(l deadletter.Letter, whole bool) Letter {
	s := Letter{
		ID: l.ID, Time: l.Time, Owner: l.Owner, Kind: l.Kind, Reason: l.Reason, Error: l.Error,
		Sequence: l.Sequence, Number: l.Number, EventID: l.EventID, Origin: l.Origin,
		Size: len(l.Body), Truncated: l.Truncated,
	}
	switch {
	case !whole:
	case utf8.Valid(l.Body):
		s.Text = string(l.Body)
	default:
		s.Bytes = l.Body
	}
	return s
}

const (
	defaultLetters = 100
	maxLetters     = 1000
)

// newestLetters gives the newest letters of an owner, newest first, without
// bodies.
func newestLetters(s *deadletter.Store, owner, reason string, limit int) ([]Letter, error) {
	var letters []Letter
	next := 0
	err := s.List(owner, func(l deadletter.Letter) error {
		switch {
		case reason != "" && l.Reason != reason:
		case len(letters) < limit:
			letters = append(letters, shown(l, false))
		default:
			letters[next] = shown(l, false)
			next = (next + 1) % limit
		}
		return nil
	})
	letters = append(letters[next:len(letters):len(letters)], letters[:next]...)
	slices.Reverse(letters)
	return letters, err
}

// listLetters answers GET /api/deadletters: the piles, and with an owner its
// newest letters.
func (h *handlers) listLetters(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, err := limitOf(q.Get("limit"), defaultLetters, maxLetters)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	var body struct {
		Piles   []Pile   `json:"piles"`
		Letters []Letter `json:"letters,omitempty"`
	}
	if body.Piles, err = Piles(h.Letters); err != nil {
		h.fail(w, r, err)
		return
	}
	if owner := q.Get("owner"); owner != "" {
		if body.Letters, err = newestLetters(h.Letters, owner, q.Get("reason"), limit); err != nil {
			h.fail(w, r, err)
			return
		}
	}
	answer(w, http.StatusOK, body)
}

func limitOf(text string, otherwise, most int) (int, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, askError{"limit: a number from 1 to " + strconv.Itoa(most)}
	}
	return min(n, most), nil
}

func (h *handlers) showLetter(w http.ResponseWriter, r *http.Request) {
	l, err := h.Letters.Get(r.PathValue("owner"), r.PathValue("id"))
	if err != nil {
		h.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, shown(l, true))
}

// retryLetters takes as long as the sink does; who gives up ends it.
func (h *handlers) retryLetters(w http.ResponseWriter, r *http.Request) {
	var s Selection
	if err := read(r, &s); err != nil {
		h.fail(w, r, err)
		return
	}
	done, err := h.retry(w, r, s)
	if err != nil && done == (Retried{}) {
		h.fail(w, r, err)
		return
	}
	if err != nil {
		done.Error = err.Error()
	}
	answer(w, http.StatusOK, done)
}

func (h *handlers) retry(w http.ResponseWriter, r *http.Request, s Selection) (Retried, error) {
	choose, err := s.Choose()
	if err != nil {
		return Retried{}, err
	}
	patient(w)
	result, err := h.Pipeline.RetryLetters(r.Context(), s.Owner, choose)
	return Retried{Delivered: result.Delivered, Refused: result.Refused, LastError: result.LastError}, err
}

func (h *handlers) dropLetters(w http.ResponseWriter, r *http.Request) {
	var ask DropAsk
	if err := read(r, &ask); err != nil {
		h.fail(w, r, err)
		return
	}
	n, err := h.drop(w, r, ask)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, Dropped{n})
}

func (h *handlers) drop(w http.ResponseWriter, r *http.Request, ask DropAsk) (int, error) {
	choose, err := ask.Choose()
	if err != nil {
		return 0, err
	}
	if ask.Because == "" {
		return 0, askError{"because is missing: dropping needs a reason, which goes into the journal"}
	}
	patient(w)
	return h.Pipeline.DropLetters(r.Context(), ask.Owner, ask.Because, choose)
}

// patient lifts the limit on how long a request may take, which would end its
// context while the answer is still being worked on.
func patient(w http.ResponseWriter) {
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{}) // a recorder in a test has none
	_ = c.SetWriteDeadline(time.Time{})
}

// indent makes JSON easier to read; what is no JSON stays as it is.
func indent(text []byte) []byte {
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return text
	}
	return b.Bytes()
}
