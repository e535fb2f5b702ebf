package transport_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/transport"
)

func client(t *testing.T, o transport.Options) *http.Client {
	t.Helper()
	c, err := transport.HTTPClient(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// ask returns the body of an answer.
func ask(c *http.Client, address string) (string, error) {
	resp, err := c.Get(address)
	if err != nil {
		return "", transport.Classify(err)
	}
	defer resp.Body.Close()
	if err := transport.ClassifyStatus(resp); err != nil {
		return "", err
	}
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func TestPrivateAuthority(t *testing.T) {
	ca := newAuthority(t, "Test CA")
	s := ca.server(t, nil, nil)
	c := client(t, transport.Options{TLS: config.TLS{CAFile: file(t, ca.pem())}, UserAgent: "shiplog/test"})
	got, err := ask(c, s.URL)
	if want := "HTTP/2.0 shiplog/test nobody"; got != want || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestServerName(t *testing.T) {
	ca := newAuthority(t, "Test CA")
	s := ca.server(t, nil, func(c *x509.Certificate) { c.IPAddresses = nil })
	conf := config.TLS{CAFile: file(t, ca.pem()), ServerName: "siem.example", MinVersion: "1.3"}
	if _, err := ask(client(t, transport.Options{TLS: conf}), s.URL); err != nil {
		t.Error(err)
	}
}

// What is wrong with a certificate is said together with what to do.
func TestTLSErrors(t *testing.T) {
	ca, other := newAuthority(t, "Test CA"), newAuthority(t, "Other CA")
	trusted := config.TLS{CAFile: file(t, ca.pem())}
	clients := x509.NewCertPool()
	clients.AddCert(ca.cert)
	// TLS 1.3 would tell only after the handshake, at a moment that nobody knows.
	wantsClient := func() *tls.Config {
		return &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients, MaxVersion: tls.VersionTLS12}
	}
	ownCert, ownKey := other.issue(t, "agent", nil)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)

	for _, tt := range []struct {
		name string
		tls  config.TLS
		url  string
		want string
	}{
		{"unknown authority", config.TLS{}, ca.server(t, nil, nil).URL, "set tls.ca_file to the certificate of the authority CN=Test CA"},
		{"other name", trusted, ca.server(t, nil, func(c *x509.Certificate) { c.IPAddresses = nil }).URL, "the server's certificate is for siem.example; use one of these names, or set tls.server_name"},
		{"expired", trusted, ca.server(t, nil, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }).URL, "the server's certificate expired on "},
		{"not yet valid", trusted, ca.server(t, nil, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }).URL, "is the clock here right"},
		{"version too old", config.TLS{CAFile: trusted.CAFile, MinVersion: "1.3"}, ca.server(t, &tls.Config{MaxVersion: tls.VersionTLS12}, nil).URL, "the server speaks no TLS version that tls.min_version allows"},
		{"client certificate missing", trusted, ca.server(t, wantsClient(), nil).URL, "the server wants a client certificate (set tls.cert_file"},
		{"client certificate refused", config.TLS{CAFile: trusted.CAFile, CertFile: file(t, ownCert), KeyFile: file(t, ownKey)}, ca.server(t, wantsClient(), nil).URL, "the server does not accept our certificate"},
		{"no TLS there", config.TLS{}, strings.Replace(plain.URL, "http://", "https://", 1), "this port does not speak TLS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ask(client(t, transport.Options{TLS: tt.tls}), tt.url)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if fault.KindOf(err) != fault.Setup || fault.ReasonOf(err) != "tls" {
				t.Errorf("got %s, %s", fault.KindOf(err), fault.ReasonOf(err))
			}
		})
	}
}

// With TLS 1.3 the alert comes with the first read.
func TestCertificateRequired(t *testing.T) {
	ca := newAuthority(t, "Test CA")
	s := ca.server(t, &tls.Config{ClientAuth: tls.RequireAnyClientCert}, nil)
	conf, err := transport.TLSConfig(config.TLS{CAFile: file(t, ca.pem())})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", s.Listener.Addr().String(), conf)
	if err == nil {
		defer conn.Close()
		_, err = conn.Read(make([]byte, 1))
	}
	err = transport.Classify(err)
	if want := "the server wants a client certificate: set tls.cert_file and tls.key_file"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestClientCertificateRotates(t *testing.T) {
	ca := newAuthority(t, "Test CA")
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	s := ca.server(t, &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}, nil)
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	cert, key := ca.issue(t, "first", nil)
	put(t, certFile, cert, 3*time.Hour)
	put(t, keyFile, key, 3*time.Hour)
	c := client(t, transport.Options{TLS: config.TLS{CAFile: file(t, ca.pem()), CertFile: certFile, KeyFile: keyFile}})

	expect := func(when, name string) {
		t.Helper()
		c.CloseIdleConnections()
		if got, err := ask(c, s.URL); err != nil || !strings.HasSuffix(got, " "+name) {
			t.Errorf("%s: got %q, %v, want %s", when, got, err, name)
		}
	}
	expect("at first", "first")
	cert, key = ca.issue(t, "second", nil)
	put(t, certFile, cert, 2*time.Hour)
	expect("while the key does not fit yet", "first")
	put(t, keyFile, key, 2*time.Hour)
	expect("with both", "second")
}

func TestAuthorityRotates(t *testing.T) {
	before, after := newAuthority(t, "Old CA"), newAuthority(t, "New CA")
	s := after.server(t, nil, nil)
	path := file(t, before.pem())
	c := client(t, transport.Options{TLS: config.TLS{CAFile: path}})
	if _, err := ask(c, s.URL); err == nil {
		t.Fatal("the old authority vouches for the new server")
	}
	put(t, path, []byte("half written"), 30*time.Minute)
	if _, err := ask(c, s.URL); !strings.Contains(fmt.Sprint(err), "tls.ca_file") {
		t.Errorf("in the middle of it: got %v", err)
	}
	put(t, path, after.pem(), 10*time.Minute)
	if _, err := ask(c, s.URL); err != nil {
		t.Errorf("after it: %v", err)
	}
}

func TestBadFilesAreToldAtOnce(t *testing.T) {
	junk := file(t, []byte("junk"))
	for _, conf := range []config.TLS{
		{CAFile: "/no/such/file"}, {CAFile: junk}, {CertFile: junk, KeyFile: junk}, {CertFile: junk, KeyFile: "/no/such/file"}, {MinVersion: "1.1"},
	} {
		if _, err := transport.HTTPClient(transport.Options{TLS: conf}); err == nil || !strings.HasPrefix(err.Error(), "tls.") {
			t.Errorf("%+v: got %v", conf, err)
		}
	}
}

func TestRedirects(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the other host was called, with %v", r.Header)
	}))
	t.Cleanup(elsewhere.Close)
	mux := http.NewServeMux()
	mux.Handle("/away", http.RedirectHandler(elsewhere.URL+"/x?token=hunter2", http.StatusTemporaryRedirect))
	mux.Handle("/lost", http.RedirectHandler("/ok", http.StatusFound))
	mux.Handle("/moved", http.RedirectHandler("/ok", http.StatusPermanentRedirect))
	mux.Handle("/round", http.RedirectHandler("/round", http.StatusTemporaryRedirect))
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	c := client(t, transport.Options{})
	post := func(path string) (string, error) {
		resp, err := c.Post(s.URL+path, "text/plain", strings.NewReader("events"))
		if err != nil {
			return "", transport.Classify(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return string(body), err
	}
	if got, err := post("/moved"); got != "events" || err != nil {
		t.Errorf("/moved: got %q, %v", got, err)
	}
	for path, want := range map[string]string{
		"/away": "which is another host", "/lost": "would lose the request's content", "/round": "too many redirects",
	} {
		_, err := post(path)
		if err == nil || !strings.Contains(err.Error(), want) || fault.KindOf(err) != fault.Setup || fault.ReasonOf(err) != "redirect" {
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: shows a secret: %v", path, err)
		}
	}
}

func TestClassify(t *testing.T) {
	wrap := func(err error) error {
		return &url.Error{Op: "Post", URL: "http://me:hunter2@siem.example/x?token=hunter2", Err: err}
	}
	dial := func(err error) error { return wrap(&net.OpError{Op: "dial", Net: "tcp", Err: err}) }
	for _, tt := range []struct {
		err    error
		reason string
		text   string
	}{
		{dial(syscall.ECONNREFUSED), "refused", "nothing listens there"},
		{dial(syscall.ECONNRESET), "reset", "POST http://siem.example/x: "},
		{dial(syscall.EHOSTUNREACH), "unreachable", ""},
		{wrap(io.EOF), "reset", ""},
		{wrap(io.ErrUnexpectedEOF), "reset", ""},
		{wrap(net.ErrClosed), "reset", "hung up while the request was being sent"},
		{wrap(context.DeadlineExceeded), "timeout", ""},
		{wrap(context.Canceled), "canceled", ""},
		{dial(&net.DNSError{Err: "no such host", Name: "siem.example", IsNotFound: true}), "dns", "the name is not known"},
		{dial(&net.DNSError{Err: "i/o timeout", IsTimeout: true}), "dns", "the resolver does not answer"},
		{wrap(&net.OpError{Op: "proxyconnect", Err: syscall.ECONNREFUSED}), "proxy", "HTTPS_PROXY"},
		{errors.New("odd"), "network", "odd"},
	} {
		err := transport.Classify(tt.err)
		if fault.KindOf(err) != fault.Retry || fault.ReasonOf(err) != tt.reason || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%v: got %s, %s, %v; want retry, %s, %s", tt.err, fault.KindOf(err), fault.ReasonOf(err), err, tt.reason, tt.text)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("shows a secret: %v", err)
		}
	}
	if transport.Classify(nil) != nil {
		t.Error("nil does not stay nil")
	}
	known := fmt.Errorf("wrapped: %w", fault.New(fault.TooLarge, "x", errors.New("y")))
	if got := transport.Classify(known); !errors.Is(got, known) || got.Error() != known.Error() {
		t.Error("a fault does not stay what it is")
	}
}

func TestCallersContextIsObeyed(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client(t, transport.Options{}).Do(req)
	if err == nil {
		resp.Body.Close()
	}
	if got := fault.ReasonOf(transport.Classify(err)); got != "canceled" {
		t.Errorf("got %s, want canceled", got)
	}
}
