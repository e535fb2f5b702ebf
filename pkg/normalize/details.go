package normalize

import (
	"bytes"
	"net/netip"
)

// details are the facts of a payload that ECS has a place for. Prefect documents
// almost none of them, so they are looked for under every likely name.
type details struct {
	address   text // of the client, as given
	ip        text // the IP in it, once the document has it
	agent     text // its user agent
	method    text
	path      text
	somePath  text   // may be that of a file
	status    []byte // HTTP status, a number
	reason    text
	failure   text // an error's text
	email     text
	role      text
	host      text
	newName   text // what an update made of the name,
	newEmail  text // the e-mail address
	newRole   text // and the role
	allowlist bool // the switch of the IP allowlist is among the updates
}

// maxSearch is how many objects deep details are looked for.
const maxSearch = 3

// read reads an object of the payload.
func (d *details) read(s *scanner, depth int) {
	s.open()
	for key, more := s.member(true); more; key, more = s.member(false) {
		switch s.peek() {
		case '"':
			d.take(key, s.str())
		case '{':
			switch {
			case depth == 0 && string(key) == "updates":
				d.readUpdates(s)
			case depth < maxSearch && string(key) != "body":
				d.read(s, depth+1)
			default:
				s.skip()
			}
		case '[':
			s.skip()
		default:
			value := s.value()
			if len(value) == 3 && value[0]-'1' <= 4 && isStatus(key) {
				d.status = value
			}
		}
	}
}

func isStatus(key []byte) bool {
	switch string(key) {
	case "status_code", "http_status", "response_status":
		return true
	default:
		return false
	}
}

// take files a text by its key. The first one of a kind counts, and one that is
// further out comes before one further in only by its place.
func (d *details) take(key []byte, value text) {
	if len(value) == 0 {
		return
	}
	var name [20]byte
	if len(key) > len(name) {
		return
	}
	for i, c := range key {
		switch {
		case c == '-':
			c = '_'
		case c >= 'A' && c <= 'Z':
			c |= 0x20
		}
		name[i] = c
	}
	var into *text
	switch string(name[:len(key)]) {
	case "ip", "ip_address", "ipaddress", "client_ip", "clientip", "source_ip", "sourceip", "src_ip",
		"remote_ip", "remote_addr", "remote_address", "client_address", "source_address", "x_real_ip", "x_forwarded_for":
		into = &d.address
		value = firstAddress(value)
	case "user_agent", "useragent", "http_user_agent":
		into = &d.agent
	case "method", "http_method", "request_method":
		into = &d.method
	case "request_path", "url_path":
		into = &d.path
	case "path":
		into = &d.somePath
	case "reason":
		into = &d.reason
	case "error", "error_message":
		into = &d.failure
	case "email", "user_email", "invitee_email", "invited_email":
		into = &d.email
	case "role", "role_name", "account_role", "account_role_name", "workspace_role", "workspace_role_name":
		into = &d.role
	case "host", "hostname":
		into = &d.host
	default:
		return
	}
	if *into == nil {
		*into = value
	}
}

// request leaves out what only looks like a request: the method of a login, the
// path of a file. The payload still has them.
func (d *details) request() {
	switch {
	case !isMethod(d.method):
		d.method = nil
	case d.path == nil:
		d.path = d.somePath
	}
}

func isMethod(t text) bool {
	switch string(bytes.ToUpper(t)) {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE":
		return true
	default:
		return false
	}
}

// firstAddress gives the first address of a list as in X-Forwarded-For: the
// client, the others being proxies.
func firstAddress(value text) text {
	if i := bytes.IndexByte(value, ','); i >= 0 {
		value = value[:i]
	}
	return bytes.TrimSpace(value)
}

// readUpdates reads {"FIELD":{"from":…,"to":…},…}.
func (d *details) readUpdates(s *scanner) {
	s.open()
	for field, more := s.member(true); more; field, more = s.member(false) {
		if string(field) == "enforce_ip_allowlist" {
			d.allowlist = true
		}
		if s.peek() != '{' {
			s.skip()
			continue
		}
		to := readTo(s)
		switch string(field) {
		case "name", "handle":
			d.newName = to
		case "email":
			d.newEmail = to
		case "role", "role_name", "account_role_name", "workspace_role_name", "account_role", "workspace_role":
			d.newRole = to
		}
	}
}

func readTo(s *scanner) (to text) {
	s.open()
	for key, more := s.member(true); more; key, more = s.member(false) {
		if string(key) == "to" && s.peek() == '"' {
			to = s.str()
			continue
		}
		s.skip()
	}
	return to
}

// parseAddress gives the IP in an address, which may have a port. An address
// with a zone is none: no store takes it.
func parseAddress(t text) (netip.Addr, bool) {
	if len(t) < 2 || len(t) > 64 {
		return netip.Addr{}, false
	}
	for _, c := range t { // what fails is an error with memory of its own: ask first
		if c-'0' > 9 && (c|0x20 < 'a' || c|0x20 > 'f') && c != '.' && c != ':' && c != '[' && c != ']' {
			return netip.Addr{}, false
		}
	}
	a, err := netip.ParseAddr(view(t))
	if err != nil {
		ap, err := netip.ParseAddrPort(view(t))
		if err != nil {
			return netip.Addr{}, false
		}
		a = ap.Addr()
	}
	return a, true
}
