package event

import (
	"strconv"
	"time"
)

// A Record is one unit of input as a source read it: raw bytes, not yet
// understood.
type Record struct {
	// Raw is the record without its line end. The source may reuse the memory
	// once emit has returned.
	Raw []byte

	// Origin says where Raw was read.
	Origin Origin

	// Received is when the source read the record. The zero time means: when
	// the intake took it.
	Received time.Time

	// Decoder overrides the source's configured decoder for this record.
	// Empty: the source's own.
	Decoder string

	// Scope is what is known of the record from the feed that it came from. The
	// record's own words win. Nil: nothing is known.
	Scope *Scope

	// Attributes are facts that the transport carried beside Raw, such as a
	// Kafka record's key and headers. They are kept with the event.
	Attributes []Attribute

	// Unreadable, where it is not empty, is why the source could not read the
	// record: a short reason that is good for a metric label, such as
	// "too_long". Such a record is not decoded; it becomes a dead letter.
	Unreadable string

	// Late marks a record that a sweep found after its window was first read.
	Late bool

	// Repair marks a record that the journal's files were found to lack: that it
	// was handed over before is no reason to leave it out.
	Repair bool
}

// Origin is a place in a source: a file and the offset of a line in bytes, a
// topic's partition and an offset, a feed.
type Origin struct {
	Name   string
	Offset int64 // negative: there is none
}

// String gives NAME:OFFSET, or NAME where there is no offset.
func (o Origin) String() string {
	if o.Offset < 0 {
		return o.Name
	}
	return o.Name + ":" + strconv.FormatInt(o.Offset, 10)
}

// Scope is the account and the workspace that a whole feed belongs to. Either
// may be empty.
type Scope struct {
	Account   string
	Workspace string
}

// Attribute is a named fact beside a record.
type Attribute struct {
	Name  string
	Value string
}
