package ecsdoc

import (
	"bytes"
	"strconv"
	"unsafe"
)

// A Value is the JSON text of one value; nil where there is none.
type Value []byte

// IsString is true for a JSON string.
func (v Value) IsString() bool { return len(v) >= 2 && v[0] == '"' }

// IsList is true for a JSON array.
func (v Value) IsList() bool { return len(v) > 0 && v[0] == '[' }

// IsObject is true for a JSON object.
func (v Value) IsObject() bool { return len(v) > 0 && v[0] == '{' }

// Empty is true where the value is missing, null, "", [] or {}.
func (v Value) Empty() bool {
	switch len(v) {
	case 0:
		return true
	case 2:
		return v[0] == '"' || v[0] == '[' || v[0] == '{'
	case 4:
		return v[0] == 'n'
	}
	return false
}

// Text gives a string's text, or the JSON text of another value; "" where there
// is none. It shares the document's memory unless the string has escapes: it is
// good only as long as the document.
func (v Value) Text() string {
	if v.Empty() {
		return ""
	}
	if !v.IsString() {
		return unsafe.String(&v[0], len(v)) //nolint:gosec // documents are never changed
	}
	inner := v[1 : len(v)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return unsafe.String(&inner[0], len(inner)) //nolint:gosec // as above
	}
	text := AppendUnescaped(make([]byte, 0, len(inner)+8), inner)
	return unsafe.String(unsafe.SliceData(text), len(text)) //nolint:gosec // nobody else has it
}

// AppendText appends what Text would give.
func (v Value) AppendText(dst []byte) []byte {
	if v.Empty() {
		return dst
	}
	if !v.IsString() {
		return append(dst, v...)
	}
	return AppendUnescaped(dst, v[1:len(v)-1])
}

// Number gives a number's value, and a string's where it holds a number; 0
// otherwise.
func (v Value) Number() float64 {
	text := v.Text()
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return f
}

// Bool is true for true and "true".
func (v Value) Bool() bool { return v.Text() == "true" }

// Elements calls yield for the elements of an array, and once for any other
// value that is not missing or null, until yield returns false.
func (v Value) Elements(yield func(Value) bool) {
	if !v.IsList() {
		if len(v) > 0 && v[0] != 'n' {
			yield(v)
		}
		return
	}
	i := skipSpace(v, 1)
	for i < len(v) && v[i] != ']' {
		end := skipValue(v, i)
		if end < 0 || !yield(v[i:end]) {
			return
		}
		if i = skipSpace(v, end); i < len(v) && v[i] == ',' {
			i = skipSpace(v, i+1)
		}
	}
}

// Members calls yield for the members of an object, with the name as it stands
// in the document, until yield returns false.
func (v Value) Members(yield func(name []byte, value Value) bool) {
	if !v.IsObject() {
		return
	}
	i := skipSpace(v, 1)
	for i < len(v) && v[i] == '"' {
		end := skipString(v, i)
		if end < 0 {
			return
		}
		name := v[i+1 : end-1]
		if i = skipSpace(v, end); i >= len(v) || v[i] != ':' {
			return
		}
		i = skipSpace(v, i+1)
		if end = skipValue(v, i); end < 0 || !yield(name, v[i:end]) {
			return
		}
		if i = skipSpace(v, end); i < len(v) && v[i] == ',' {
			i = skipSpace(v, i+1)
		}
	}
}

// StringAt gives the JSON string that begins at offset i of doc; nil where there
// is none.
func StringAt(doc []byte, i int) Value {
	if i >= len(doc) || doc[i] != '"' {
		return nil
	}
	end := skipString(doc, i)
	if end < 0 {
		return nil
	}
	return doc[i:end]
}
