package encode

import "github.com/shiplog/shiplog/pkg/event"

// Quoted returns an encoder whose events are JSON values, for destinations that
// take nothing else: what enc would give as text it gives as a JSON string.
func Quoted(enc Encoder) Encoder {
	switch enc.(type) {
	case cef, leef:
		return quoted{enc}
	case raw:
		return quotedRaw{}
	}
	return enc
}

type quoted struct{ text Encoder }

func (q quoted) Append(dst []byte, e *event.Event, d event.Delivery) ([]byte, error) {
	from := len(dst)
	dst, err := q.text.Append(dst, e, d)
	if err != nil {
		return dst, err
	}
	end := len(dst)
	dst = event.AppendQuoted(dst, dst[from:end])
	return dst[:from+copy(dst[from:], dst[end:])], nil
}

// quotedRaw is the record as the document has it: quoted already. Line breaks
// stay what they are, for a JSON string may have them.
type quotedRaw struct{}

func (quotedRaw) Append(dst []byte, e *event.Event, d event.Delivery) ([]byte, error) {
	if original := originalOf(e.Doc); original != nil {
		return append(dst, original...), nil
	}
	return quoted{raw{}}.Append(dst, e, d)
}
