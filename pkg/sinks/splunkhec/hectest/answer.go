package hectest

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
)

// texts are Splunk's words for its codes.
func texts() map[int]string {
	return map[int]string{
		0: "Success", 1: "Token disabled", 2: "Token is required", 3: "Invalid authorization", 4: "Invalid token",
		5: "No data", 6: "Invalid data format", 7: "Incorrect index", 8: "Internal server error", 9: "Server is busy",
		10: "Data channel is missing", 11: "Invalid data channel", 12: "Event field is required",
		13: "Event field cannot be blank", 14: "ACK is disabled", 15: "Error in handling indexed fields",
		16: "Query string authorization is not enabled", 17: "HEC is healthy", 18: "HEC is unhealthy, queues are full",
		19: "HEC is unhealthy, ack service unavailable", 20: "HEC is unhealthy, queues are full, ack service unavailable",
		21: "Invalid token", 22: "Token disabled", 23: "Server is shutting down",
		24: "Queue is approaching capacity", 25: "Ack channel is approaching capacity",
		26: "Queue at capacity", 27: "Ack channel at capacity",
	}
}

// code is the answer with a code.
func code(status, code int) Answer { return Answer{Status: status, Code: code} }

func (a Answer) write(w http.ResponseWriter) { a.writeWith(w, nil) }

func (a Answer) writeWith(w http.ResponseWriter, more map[string]any) {
	if a.RetryAfter != "" {
		w.Header().Set("Retry-After", a.RetryAfter)
	}
	if a.Code < 0 {
		w.WriteHeader(a.Status)
		_, _ = io.WriteString(w, a.Body)
		return
	}
	body := map[string]any{"code": a.Code, "text": a.Text}
	if a.Text == "" {
		body["text"] = texts()[a.Code]
	}
	if a.HasNumber {
		body["invalid-event-number"] = a.Number
	}
	maps.Copy(body, more)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.Status)
	_ = json.NewEncoder(w).Encode(body)
}
