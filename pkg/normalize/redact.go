package normalize

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"

	"github.com/shiplog/shiplog/pkg/config"
)

// redact takes the values of fields out of an event, wherever they stand in it:
// in the field, in any other field, within longer texts, in the record's text.
// event.hash is then that of the text that is kept.
type redact struct {
	fields []string
	with   string
	key    config.Secret
}

const mask = "***"

type redactConfig struct {
	Fields []string      `yaml:"fields" doc:"Fields whose values are taken out wherever they stand in the event."`
	With   string        `yaml:"with" enum:"mask,remove,hash" doc:"What is written instead: ***, nothing, or an HMAC-SHA-256 under key."`
	Key    config.Secret `yaml:"key" doc:"Key of the hash."`
}

func redactDefaults() *redactConfig { return &redactConfig{With: "mask"} }

func compileRedact(s config.Section) (processor, error) {
	c := redactDefaults()
	if err := s.Decode(c); err != nil {
		return nil, err
	}
	var errs []error
	if len(c.Fields) == 0 {
		errs = append(errs, s.Problem("fields", "must name at least one field, such as user.email"))
	}
	for _, name := range c.Fields {
		if e := checkField(s, "fields", name); e != nil {
			errs = append(errs, e)
		}
	}
	if c.With == "hash" && c.Key.Reveal() == "" {
		errs = append(errs, s.Problem("key", "is needed to hash: without one, values could be found by trying"))
	}
	return &redact{fields: c.Fields, with: c.With, key: c.Key}, config.Join(errs...)
}

func (r *redact) kind() string { return "redact" }

func (r *redact) process(d *draft) (keep bool, err error) {
	secrets := r.secrets(d.opened())
	if len(secrets.list) == 0 {
		return true, nil
	}
	d.flush()
	w := rewriter{secrets: secrets, in: scanner{b: d.event.Doc}, out: d.buf, hash: d.event.Hash}
	start := len(d.buf)
	w.value()
	d.buf = w.out
	d.event.Doc = d.buf[start:len(d.buf):len(d.buf)]
	d.event.Hash = w.hash
	d.root = openNode(d.event.Doc)
	d.root.fill(d.event)
	return true, nil
}

// secrets collects the values of the fields.
func (r *redact) secrets(root *node) *secrets {
	all := &secrets{whole: map[string]string{}}
	for _, name := range r.fields {
		s := scanner{b: root.get(name)}
		if len(s.b) > 0 {
			r.collect(&s, all)
		}
		if end, isIP := strings.CutSuffix(name, ".ip"); isIP {
			r.otherSpelling(root, name, end+".address", all)
		}
	}
	slices.SortStableFunc(all.list, func(a, b secret) int { return len(b.value) - len(a.value) })
	return all
}

// otherSpelling adds the address that an IP was read from, where the record wrote
// it in another way, as IPv6 allows.
func (r *redact) otherSpelling(root *node, ip, address string, to *secrets) {
	written, is := root.text(address), root.text(ip)
	if is != "" && !strings.Contains(written, is) {
		r.add(to, written)
	}
}

// collect adds all texts and numbers of a value.
func (r *redact) collect(s *scanner, to *secrets) {
	switch s.peek() {
	case '"':
		r.add(to, string(text(s.str()).appendPlain(nil)))
	case '{':
		s.open()
		for _, more := s.member(true); more; _, more = s.member(false) {
			r.collect(s, to)
		}
	case '[':
		s.open()
		for more := s.element(true); more; more = s.element(false) {
			r.collect(s, to)
		}
	case 't', 'f', 'n':
		s.skip() // true, false and null tell nobody apart
	default:
		r.add(to, string(s.value()))
	}
}

// add adds a value as it is, as URLs have it, and as the message does.
func (r *redact) add(to *secrets, value string) {
	if _, there := to.whole[lowerASCII(value)]; there || value == "" {
		return
	}
	instead := r.replacement(value)
	for _, spelling := range [...]string{value, url.QueryEscape(value), url.PathEscape(value), string(harmless([]byte(value)))} {
		lower := lowerASCII(spelling)
		if _, there := to.whole[lower]; !there && lower != "" {
			to.list = append(to.list, secret{lower, anchorOf(lower), instead})
			to.whole[lower] = instead
		}
	}
}

func (r *redact) replacement(value string) string {
	switch r.with {
	case "hash":
		mac := hmac.New(sha256.New, []byte(r.key.Reveal()))
		mac.Write([]byte(value))
		return hex.EncodeToString(mac.Sum(nil))
	case "mask":
		return mask
	default:
		return ""
	}
}
