package hectest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Event is one envelope as it was accepted.
type Event struct {
	Time       float64 // seconds; 0 where the envelope had none
	Host       string
	Source     string
	Sourcetype string
	Index      string
	Event      json.RawMessage
	Fields     map[string]any
}

// Field is the indexed field of that name, empty where it is none or a list.
func (e Event) Field(name string) string {
	text, _ := e.Fields[name].(string)
	return text
}

// parse reads the objects of a body, which follow one another with or without
// white space. code is that of the first bad one, number n.
func (s *Server) parse(body []byte) (events []Event, code, n int) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	for n = 0; ; n++ {
		var raw map[string]json.RawMessage
		err := decoder.Decode(&raw)
		switch {
		case errors.Is(err, io.EOF) && n == 0:
			return nil, 5, 0
		case errors.Is(err, io.EOF):
			return events, 0, 0
		case err != nil:
			return events, 6, n
		}
		e, code := s.envelope(raw)
		if code != 0 {
			return events, code, n
		}
		events = append(events, e)
	}
}

// envelope checks one object as Splunk does.
func (s *Server) envelope(raw map[string]json.RawMessage) (Event, int) {
	var e Event
	for key, value := range raw {
		if !e.set(key, value) {
			return e, 6
		}
	}
	blank := strings.Trim(string(e.Event), "\" \t\n")
	switch {
	case raw["event"] == nil:
		return e, 12
	case blank == "":
		return e, 13
	case blank == "null" || blank == "false":
		return e, 6
	case !flat(e.Fields):
		return e, 15
	case e.Index != "" && len(s.cfg.Indexes) > 0 && !slices.Contains(s.cfg.Indexes, e.Index):
		return e, 7
	case s.refuse != nil:
		return e, s.refuse(e)
	default:
		return e, 0
	}
}

// set takes one key of an envelope; false: it is unknown or of the wrong type.
func (e *Event) set(key string, value json.RawMessage) bool {
	into := map[string]*string{"host": &e.Host, "source": &e.Source, "sourcetype": &e.Sourcetype, "index": &e.Index}
	switch key {
	case "time":
		at, err := strconv.ParseFloat(strings.Trim(string(value), `"`), 64)
		e.Time = at
		return err == nil && at >= 0
	case "event":
		e.Event = value
		return true
	case "fields":
		return json.Unmarshal(value, &e.Fields) == nil
	default:
		text, known := into[key]
		return known && json.Unmarshal(value, text) == nil
	}
}

// flat says whether all fields are texts or lists of texts.
func flat(fields map[string]any) bool {
	for _, v := range fields {
		switch v := v.(type) {
		case string:
		case []any:
			for _, element := range v {
				if _, ok := element.(string); !ok {
					return false
				}
			}
		default:
			return false
		}
	}
	return true
}
