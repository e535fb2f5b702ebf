package fault_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/fault"
)

func TestWhatAnErrorAsksFor(t *testing.T) {
	cause := errors.New("cause")
	for _, tt := range []struct {
		name   string
		err    error
		kind   fault.Kind
		reason string
		wait   time.Duration
	}{
		{"an error that nobody classified comes again", cause, fault.Retry, "error", 0},
		{"no error", nil, fault.Retry, "error", 0},
		{"without a reason the kind is the reason", fault.New(fault.TooLarge, "", cause), fault.TooLarge, "too_large", 0},
		{"wrapped", fmt.Errorf("deliver: %w", fault.New(fault.Refused, "status_400", cause)), fault.Refused, "status_400", 0},
		{"joined", errors.Join(cause, fault.New(fault.Credentials, "status_401", cause)), fault.Credentials, "status_401", 0},
		{"with a wait", &fault.Error{Reason: "status_429", After: time.Minute, Err: cause}, fault.Retry, "status_429", time.Minute},
		{"the outer one counts", fault.New(fault.Setup, "a", fault.New(fault.Refused, "b", cause)), fault.Setup, "a", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := fault.KindOf(tt.err); got != tt.kind {
				t.Errorf("kind: got %s, want %s", got, tt.kind)
			}
			if got := fault.ReasonOf(tt.err); got != tt.reason {
				t.Errorf("reason: got %s, want %s", got, tt.reason)
			}
			if got := fault.Wait(tt.err); got != tt.wait {
				t.Errorf("wait: got %s, want %s", got, tt.wait)
			}
		})
	}
}

func TestFaultKeepsItsCause(t *testing.T) {
	cause := errors.New("cause")
	err := fault.New(fault.Setup, "x", cause)
	if !errors.Is(err, cause) || err.Error() != "cause" {
		t.Errorf("got %v", err)
	}
}

func TestKindNames(t *testing.T) {
	for kind, want := range map[fault.Kind]string{
		fault.Retry: "retry", fault.TooLarge: "too_large", fault.Refused: "refused",
		fault.Credentials: "credentials", fault.Setup: "setup", fault.Kind(99): "retry",
	} {
		if got := kind.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
