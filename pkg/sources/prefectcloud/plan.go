package prefectcloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/shiplog/shiplog/pkg/fault"
)

var errRetention = errors.New("events are past the plan's retention and cannot be had any more")

// nagEvery is how often the nearing end of the retention is told again.
const nagEvery = time.Hour

// plan is what the account's plan says.
type plan struct {
	retention time.Duration // of audit events; 0: not known
}

// oldest is the time of the oldest event that the service keeps.
func (p plan) oldest(now time.Time) (time.Time, bool) {
	if p.retention <= 0 {
		return time.Time{}, false
	}
	return now.Add(-p.retention).Truncate(time.Microsecond), true
}

// available is the time of the oldest event that the service keeps, by the plan as
// it was last read.
func (r *run) available(now time.Time) (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.plan.oldest(now)
}

// preflight learns the clock and the plan. What the key may not read stays
// unknown.
func (r *run) preflight(ctx context.Context) error {
	var p plan
	err := r.severally(ctx, "", func() (err error) {
		p, err = r.client.plan(ctx)
		return err
	})
	switch reason := fault.ReasonOf(err); {
	case strings.HasPrefix(reason, "status_5") && reason != "status_503":
		r.tell(err) // it may be of this call alone: the events are asked for
	case err != nil:
		return err
	}
	if p.retention > 0 {
		r.deps.Monitor.Gauge(gaugeRetention, p.retention.Seconds())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plan = p
	return nil
}

// kept is what plan said when it was asked first.
func (c *client) kept(ctx context.Context) (plan, error) {
	if p := c.asked.Load(); p != nil {
		return *p, nil
	}
	p, err := c.plan(ctx)
	if err == nil {
		c.asked.Store(&p)
	}
	return p, err
}

// plan reads audit_log_retention_days, which both of these have by Prefect
// Cloud's OpenAPI document.
func (c *client) plan(ctx context.Context) (plan, error) {
	if c.account == "" {
		_, err := c.do(ctx, http.MethodGet, c.base.JoinPath("/health"), nil)
		return plan{}, unlessRefused(err)
	}
	for _, path := range []string{"/accounts/" + c.account + "/usage_limits", "/accounts/" + c.account} {
		var limits struct {
			Days float64 `json:"audit_log_retention_days"`
		}
		err := c.get(ctx, path, &limits)
		switch {
		case err == nil && limits.Days > 0:
			return plan{retention: time.Duration(limits.Days * float64(24*time.Hour))}, nil
		case unlessRefused(err) != nil:
			return plan{}, err
		}
	}
	return plan{}, nil
}

// unlessRefused lets a refusal of one call pass: the events may still be had.
func unlessRefused(err error) error {
	reason := fault.ReasonOf(err)
	if reason == "bad_answer" || (strings.HasPrefix(reason, "status_4") && fault.KindOf(err) != fault.Retry) {
		return nil
	}
	return err
}

// watchRetention warns while the watermark nears the end of the retention. The
// caller holds mu.
func (r *run) watchRetention(complete time.Time) {
	now := r.client.now()
	limit, known := r.plan.oldest(now)
	if !known {
		return
	}
	left := complete.Sub(limit)
	r.deps.Monitor.Gauge(gaugeRetentionEnd, left.Seconds())
	if left > r.plan.retention/4 || now.Sub(complete) < time.Hour || time.Since(r.nagged) < nagEvery {
		return
	}
	r.nagged = time.Now()
	err := fmt.Errorf("events that were not read yet are deleted in %s, by the plan's retention of %s", left.Round(time.Minute), r.plan.retention)
	r.deps.Monitor.Failed("retention_near", err)
	r.deps.Log.Error("loss is coming: the plan's retention ends before what was read", "complete", complete, "left", left)
}
