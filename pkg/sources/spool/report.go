package spool

import "time"

// completeAt returns up to when everything is known to be read, given that
// began was before the last look at notifications. Zero: it is not known.
func (r *reader) completeAt(began time.Time) time.Time {
	switch {
	case len(r.troubles) > 0 || r.rescan || r.someRest():
		return time.Time{}
	case r.watcher.healthy():
		return began
	default:
		return r.scanned
	}
}

// someRest says whether a file is to be read later that may have more.
func (r *reader) someRest() bool {
	for f := range r.waits {
		if r.resting(f) {
			return true
		}
	}
	return false
}

// report tells the monitor what there is to be told when everything is read.
func (r *reader) report() {
	here := 0
	for _, f := range r.files {
		if f.scan == r.scans {
			here++
		}
	}
	r.monitor.Gauge("files", float64(here))
	r.monitor.Gauge("files_open", float64(r.opened.Len()))
	switch next := r.scanned.Add(r.every); {
	case len(r.troubles) > 0:
		r.monitor.Waiting("files that cannot be read", next)
	case here == 0:
		r.monitor.Waiting("files that match", next)
	default:
		r.monitor.Waiting("new lines", next)
	}
}
