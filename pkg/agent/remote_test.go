package agent

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
)

// certificate makes one that no authority signed and that names nobody.
func certificate(t *testing.T) config.ServerTLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c := config.ServerTLS{CertFile: filepath.Join(t.TempDir(), "cert.pem"), KeyFile: filepath.Join(t.TempDir(), "key.pem")}
	for name, block := range map[string]*pem.Block{c.CertFile: {Type: "CERTIFICATE", Bytes: cert}, c.KeyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// The command line trusts the very certificate that the config gives the
// listener, whoever signed it, and no other.
func TestRemoteTrustsTheListenersCertificateOnly(t *testing.T) {
	own, other := certificate(t), certificate(t)
	secured, err := serverTLS(own)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	token := config.NewSecret("right")
	server := http.Server{ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `"`+r.Header.Get("Authorization")+`"`)
	})}
	go func() { _ = server.Serve(tls.NewListener(l, secured)) }()
	t.Cleanup(func() { _ = server.Shutdown(context.Background()) })

	ask := func(c config.ServerTLS) (said string, err error) {
		r, err := remoteOf(config.Admin{Listen: l.Addr().String(), Token: token, TLS: c})
		if err != nil {
			return "", err
		}
		err = r.get(t.Context(), "/", &said)
		return said, err
	}
	if said, err := ask(own); err != nil || said != "Bearer right" {
		t.Errorf("got %q, %v", said, err)
	}
	if said, err := ask(other); err == nil || errors.Is(err, errNoAgent) {
		t.Errorf("another certificate: got %q, %v", said, err)
	}
}

func TestNobodyListens(t *testing.T) {
	for name, c := range map[string]config.Admin{"off": {}, "nobody": {Listen: "127.0.0.1:1"}} {
		r, err := remoteOf(c)
		if err == nil {
			err = r.get(t.Context(), "/", nil)
		}
		if !errors.Is(err, errNoAgent) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
