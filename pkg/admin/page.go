package admin

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// The page is plain files: templates, one style sheet, one script. They work
// without the script; it only keeps the flow up to date and adds a few keys.
//
//go:embed page
var pageFiles embed.FS

var words = template.FuncMap{
	"plain": Plain,
	"count": func(n any) string {
		switch n := n.(type) {
		case uint64:
			return Count(n)
		case int:
			return Count(uint64(max(n, 0)))
		default:
			return ""
		}
	},
	"size":  func(n int) string { return Size(int64(n)) },
	"span":  func(from, to time.Time) string { return Span(to.Sub(from)) },
	"when":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") },
	"stamp": func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
	"lines": func(text string) []string { return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' }) },
}

// pages are the parsed templates, by name.
type pages map[string]*template.Template

func parsePages() pages {
	all := make(pages)
	for _, name := range []string{"flow", "events", "event", "deadletters", "letter", "config", "login", "problem"} {
		all[name] = template.Must(template.New("layout.html").Funcs(words).ParseFS(pageFiles, "page/layout.html", "page/"+name+".html"))
	}
	return all
}

// view is what every page is given.
type view struct {
	Title   string
	Here    string // which entry of the navigation it is
	Write   bool
	Token   bool // whether there is something to log out of
	Letters int
	Said    string // what a form has just done
	Wrong   string // what it has not
	Body    any
}

func (h *handlers) render(w http.ResponseWriter, code int, name string, v view) {
	v.Write, v.Token = h.Write, h.File().Admin.Token.String() != ""
	if counts, err := h.Letters.Count(); err == nil {
		for _, n := range counts {
			v.Letters += n
		}
	}
	var b bytes.Buffer
	if err := h.pages[name].Execute(&b, v); err != nil {
		h.Log.Error("render a page", "page", name, "err", err)
		http.Error(w, "the page cannot be shown; the log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(b.Bytes()) // the client is gone: nobody to tell
}

// refuse says why not: to a person as a page, to a program as JSON.
func (h *handlers) refuse(w http.ResponseWriter, r *http.Request, code int, why string) {
	if !wantsPage(r) && !formSent(r) {
		answer(w, code, Problem{why})
		return
	}
	h.render(w, code, "problem", view{Title: http.StatusText(code), Body: why})
}

// formSent says whether a request came from one of the page's forms.
func formSent(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
}

// page adds the page's routes: those that need the token, and those that lead to
// it.
func (h *handlers) page(open, guarded *http.ServeMux) {
	open.HandleFunc("GET /assets/{name}", h.asset)
	open.HandleFunc("GET /login", h.loginPage)
	open.HandleFunc("POST /login", h.meant(h.login))
	open.HandleFunc("POST /logout", h.meant(h.logout))

	guarded.HandleFunc("GET /{$}", h.flowPage)
	guarded.HandleFunc("GET /events", h.eventsPage)
	guarded.HandleFunc("GET /events/{sequence}", h.eventPage)
	guarded.HandleFunc("GET /deadletters", h.lettersPage)
	guarded.HandleFunc("GET /deadletters/{owner}/{id}", h.letterPage)
	guarded.HandleFunc("POST /deadletters", h.acts(h.lettersForm))
	guarded.HandleFunc("GET /config", h.configPage)
	guarded.HandleFunc("POST /config", h.acts(h.reloadForm))
	guarded.HandleFunc("POST /verify", h.meant(h.verifyForm))
	guarded.HandleFunc("POST /replay", h.acts(h.replayForm))
	guarded.HandleFunc("POST /replay/stop", h.acts(h.stopForm))
	guarded.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		h.refuse(w, r, http.StatusNotFound, "there is nothing at this address")
	})
}

// asset serves the style sheet, the script and the icon. They hold no secret,
// and the login page needs them.
func (h *handlers) asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	kind := map[string]string{
		".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	}[path.Ext(name)]
	content, err := fs.ReadFile(pageFiles, "page/"+path.Base(name))
	if kind == "" || err != nil {
		h.refuse(w, r, http.StatusNotFound, "there is nothing at this address")
		return
	}
	sum := sha256.Sum256(content)
	w.Header().Set("Content-Type", kind)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	w.Header().Set("Cache-Control", "no-cache") // asked each time, sent when changed
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

func (h *handlers) flowPage(w http.ResponseWriter, _ *http.Request) {
	h.showFlow(w, http.StatusOK, "", "")
}

func (h *handlers) showFlow(w http.ResponseWriter, code int, said, wrong string) {
	h.render(w, code, "flow", view{Title: "Flow", Here: "flow", Said: said, Wrong: wrong, Body: h.flow()})
}

func (h *handlers) verifyForm(w http.ResponseWriter, r *http.Request) {
	h.verifier.begin()
	http.Redirect(w, r, "/#trust", http.StatusSeeOther)
}

func (h *handlers) configPage(w http.ResponseWriter, _ *http.Request) {
	h.showConfig(w, http.StatusOK, "")
}

func (h *handlers) showConfig(w http.ResponseWriter, code int, said string) {
	file := h.File()
	h.render(w, code, "config", view{Title: "Configuration", Here: "config", Said: said, Body: struct {
		Path, Text string
		Reload     Reload
		Now        time.Time
	}{file.Path, string(file.Redacted()), h.LastReload(), time.Now()}})
}

func (h *handlers) reloadForm(w http.ResponseWriter, r *http.Request) {
	patient(w)
	if err := h.Reload(r.Context()); err != nil {
		h.showConfig(w, http.StatusUnprocessableEntity, "")
		return
	}
	h.showConfig(w, http.StatusOK, "The configuration was read and applied.")
}
