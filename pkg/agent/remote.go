package agent

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/shiplog/shiplog/pkg/admin"
	"github.com/shiplog/shiplog/pkg/config"
)

// remote is the admin API of the agent that runs with a config.
type remote struct {
	listen string
	base   string
	token  config.Secret
	http   *http.Client
}

// errNoAgent says that nothing listens where the agent would.
var errNoAgent = errors.New("no agent answers")

// refusedError is an answer of the admin listener that is not what was asked
// for.
type refusedError struct {
	code int
	text string
}

func (e *refusedError) Error() string { return e.text }

// remoteOf makes a client for the admin listener of a config.
func remoteOf(c config.Admin) (*remote, error) {
	if c.Listen == "" {
		return nil, fmt.Errorf("%w: admin.listen is off", errNoAgent)
	}
	r := &remote{listen: c.Listen, base: "http://" + dialable(c.Listen), token: c.Token}
	transport := &http.Transport{ // no proxy: it is our own machine's, or our own pod's
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: 0, // a retry answers when it is through
	}
	if c.TLS.CertFile != "" {
		own, err := leafOf(c.TLS.CertFile)
		if err != nil {
			return nil, fmt.Errorf("admin.tls.cert_file: %w", err)
		}
		r.base = "https://" + dialable(c.Listen)
		transport.TLSClientConfig = pinned(own)
	}
	r.http = &http.Client{Transport: transport}
	return r, nil
}

// dialable turns an address to listen on into one to connect to.
func dialable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("localhost", port)
	}
	return listen
}

// pinned trusts one certificate, the one that the config gives the listener: it
// need not name the address that we dial, nor come from an authority.
func pinned(own []byte) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // #nosec G402 -- VerifyConnection wants the very certificate
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || !bytes.Equal(s.PeerCertificates[0].Raw, own) {
				return errors.New("the listener shows another certificate than admin.tls.cert_file")
			}
			return nil
		},
	}
}

func leafOf(name string) ([]byte, error) {
	text, err := os.ReadFile(name) // #nosec G304 -- the config names it
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return cert.Raw, nil
	}
	return nil, fmt.Errorf("%s holds no certificate", name)
}

// get asks for something to read.
func (r *remote) get(ctx context.Context, path string, into any) error {
	return r.call(ctx, http.MethodGet, path, nil, into)
}

// post asks for something to be done.
func (r *remote) post(ctx context.Context, path string, ask, into any) error {
	body, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	return r.call(ctx, http.MethodPost, path, body, into)
}

// call sends a request. into may be nil, or a *[]byte for the body as it is.
// The error is errNoAgent where nothing listens.
func (r *remote) call(ctx context.Context, method, path string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("admin.listen: %w", err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Shiplog", "1")
	}
	if token := r.token.Reveal(); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := r.http.Do(req)
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return fmt.Errorf("%w at %s: %w", errNoAgent, r.listen, err)
	}
	if err != nil {
		return fmt.Errorf("ask the agent at %s: %w", r.listen, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("ask the agent at %s: %w", r.listen, err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return &refusedError{resp.StatusCode, fmt.Sprintf("the agent at %s answers %s: %s", r.listen, resp.Status, reasonIn(text))}
	}
	switch into := into.(type) {
	case nil:
		return nil
	case *[]byte:
		*into = text
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return &refusedError{resp.StatusCode, fmt.Sprintf("what listens at %s is no shiplog: %v", r.listen, err)}
	}
	return nil
}

func reasonIn(body []byte) string {
	var p admin.Problem
	if json.Unmarshal(body, &p) == nil && p.Error != "" {
		return p.Error
	}
	return strings.TrimSpace(string(body))
}

// Ask sends a GET to the admin listener of a running agent and returns the body.
func Ask(ctx context.Context, c config.Admin, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := remoteOf(c)
	if err != nil {
		return nil, err
	}
	var body []byte
	err = r.get(ctx, path, &body)
	return body, err
}
