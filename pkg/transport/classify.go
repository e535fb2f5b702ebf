package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/shiplog/shiplog/pkg/fault"
)

// Classify makes a network error a *fault.Error with a reason from a bounded
// set: timeout, canceled, refused, reset, dns, unreachable, tls, proxy,
// redirect, network. Its text says what to do where that is known, and holds no
// part of a URL that could be a secret. Nil stays nil, and so does a fault.
func Classify(err error) error {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		if u, ok := errors.AsType[*url.Error](err); ok && errors.As(u.Err, &f) {
			return &fault.Error{Kind: f.Kind, Reason: f.Reason, After: f.After, Err: withoutSecrets(err)}
		}
		return err
	}
	kind, reason, hint := causeOf(err)
	err = withoutSecrets(err)
	if hint != "" {
		err = fmt.Errorf("%w; %s", err, hint)
	}
	return fault.New(kind, reason, err)
}

// withoutSecrets rewrites the error of an HTTP client, whose text has the whole
// URL in it.
func withoutSecrets(err error) error {
	u, ok := errors.AsType[*url.Error](err)
	if !ok {
		return err
	}
	target := "a malformed address"
	if parsed, perr := url.Parse(u.URL); perr == nil {
		target = cleanURL(parsed)
	}
	return fmt.Errorf("%s %s: %w", strings.ToUpper(u.Op), target, u.Err)
}

func causeOf(err error) (kind fault.Kind, reason, hint string) {
	if hint, ok := tlsHint(err); ok {
		return fault.Setup, "tls", hint
	}
	op, isOp := errors.AsType[*net.OpError](err)
	dns, isDNS := errors.AsType[*net.DNSError](err)
	switch {
	case ended(err):
		return fault.Retry, "canceled", ""
	case isOp && op.Op == "proxyconnect":
		return fault.Retry, "proxy", "the proxy of HTTPS_PROXY or HTTP_PROXY cannot be reached"
	case isDNS && dns.IsNotFound:
		return fault.Retry, "dns", "the name is not known: check its spelling and the resolver"
	case isDNS:
		return fault.Retry, "dns", "the resolver does not answer"
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault.Retry, "refused", "nothing listens there, or a firewall refuses"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fault.Retry, "reset", ""
	case errors.Is(err, net.ErrClosed):
		return fault.Retry, "reset", "the server hung up while the request was being sent"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return fault.Retry, "unreachable", ""
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		return fault.Retry, "timeout", ""
	case strings.Contains(err.Error(), "http2: client conn could not be established"):
		// What net/http says when the alert comes before the first answer. It
		// has no type.
		return fault.Retry, "reset", "the server hung up right after the handshake; perhaps it wants a client certificate: set tls.cert_file and tls.key_file"
	default:
		return fault.Retry, "network", ""
	}
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}

// tlsHint says what to do about a failed handshake; ok is false where err is
// none.
func tlsHint(err error) (hint string, ok bool) {
	if name, is := errors.AsType[x509.HostnameError](err); is {
		return fmt.Sprintf("the server's certificate is for %s; use one of these names, or set tls.server_name", namesOf(name.Certificate)), true
	}
	if unknown, is := errors.AsType[x509.UnknownAuthorityError](err); is {
		return fmt.Sprintf("set tls.ca_file to the certificate of the authority%s", issuerOf(unknown.Cert)), true
	}
	if invalid, is := errors.AsType[x509.CertificateInvalidError](err); is {
		if invalid.Reason == x509.Expired && invalid.Cert != nil {
			return validity(invalid.Cert, time.Now()), true
		}
		return "the server needs another certificate", true
	}
	if remote, is := errors.AsType[*net.OpError](err); is && remote.Op == "remote error" {
		return alertHint(remote.Err.Error()), true
	}
	if _, is := errors.AsType[tls.RecordHeaderError](err); is || errors.Is(err, http.ErrSchemeMismatch) {
		return "this port does not speak TLS: use http:// or leave tls out, or use the server's TLS port", true
	}
	if _, is := errors.AsType[*tls.CertificateVerificationError](err); is {
		return "the server's certificate cannot be verified", true
	}
	return "", false
}

func namesOf(c *x509.Certificate) string {
	if c == nil {
		return "another name"
	}
	names := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no name at all"
	}
	const most = 8
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return strings.Join(names, ", ")
}

func issuerOf(c *x509.Certificate) string {
	if c == nil || c.Issuer.String() == "" {
		return ""
	}
	return " " + c.Issuer.String()
}

func validity(c *x509.Certificate, now time.Time) string {
	if now.Before(c.NotBefore) {
		return fmt.Sprintf("the server's certificate is valid only from %s; is the clock here right (%s)?", c.NotBefore.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("the server's certificate expired on %s; renew it at the server", c.NotAfter.Format(time.RFC3339))
}

// alertHint explains what the server said of us. crypto/tls has no type for the
// alerts of RFC 8446, section 6.2, only its texts for them.
func alertHint(alert string) string {
	switch strings.TrimPrefix(alert, "tls: ") {
	case "bad certificate", "unknown certificate authority", "unknown certificate", "unsupported certificate":
		return "the server does not accept our certificate: check tls.cert_file and who issued it"
	case "handshake failure":
		return "the server wants a client certificate (set tls.cert_file and tls.key_file), or shares no cipher with us"
	case "expired certificate", "revoked certificate":
		return "our certificate is no longer valid: renew tls.cert_file"
	case "protocol version not supported":
		return "the server speaks no TLS version that tls.min_version allows"
	case "unrecognized name":
		return "the server does not know this name: set tls.server_name"
	case "certificate required":
		return "the server wants a client certificate: set tls.cert_file and tls.key_file"
	default:
		return "the server ended the TLS handshake"
	}
}
