package normalize

import (
	"fmt"
	"net/netip"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/event"
)

// geoIP adds what a MaxMind database knows of an address: source.geo.* from a
// City or Country database, source.as.* from an ASN one.
type geoIP struct {
	path string

	mu      sync.Mutex // guards what follows
	reader  *maxminddb.Reader
	stat    os.FileInfo // of the file that reader was opened from
	checked time.Time
}

// checkEvery is how often the database's file is looked at for a newer one.
const checkEvery = 10 * time.Second

type geoIPConfig struct {
	Database string `yaml:"database" doc:"Path of a MaxMind database (.mmdb), of places or of networks."`
}

func compileGeoIP(s config.Section) (processor, error) {
	var c geoIPConfig
	if err := s.Decode(&c); err != nil {
		return nil, err
	}
	if c.Database == "" {
		return nil, s.Problem("database", "must be the path of a MaxMind database (.mmdb)")
	}
	g := &geoIP{path: c.Database}
	if err := g.open(); err != nil {
		return nil, s.Problem("database", "%s", err)
	}
	return g, nil
}

func (g *geoIP) kind() string { return "geoip" }

// open opens the database. A reader that it replaces frees its memory once
// nobody uses it any more.
func (g *geoIP) open() error {
	stat, err := os.Stat(g.path)
	if err != nil {
		return err
	}
	r, err := maxminddb.Open(g.path)
	if err != nil {
		return err
	}
	g.reader, g.stat = r, stat
	return nil
}

// current gives the reader, of the newest file that can be opened.
func (g *geoIP) current(now time.Time) *maxminddb.Reader {
	g.mu.Lock()
	defer g.mu.Unlock()
	if since := now.Sub(g.checked); since >= 0 && since < checkEvery {
		return g.reader
	}
	g.checked = now
	stat, err := os.Stat(g.path)
	if err == nil && !config.Unchanged(stat, g.stat) {
		_ = g.open() // a file that is being replaced is tried again; the old one serves on
	}
	return g.reader
}

// location is what City, Country and ASN databases have that ECS has a place
// for.
type location struct {
	City      named `maxminddb:"city"`
	Continent struct {
		Code  string            `maxminddb:"code"`
		Names map[string]string `maxminddb:"names"`
	} `maxminddb:"continent"`
	Country     coded   `maxminddb:"country"`
	Subdivision []coded `maxminddb:"subdivisions"`
	Postal      struct {
		Code string `maxminddb:"code"`
	} `maxminddb:"postal"`
	Location struct {
		Latitude  *float64 `maxminddb:"latitude"`
		Longitude *float64 `maxminddb:"longitude"`
		TimeZone  string   `maxminddb:"time_zone"`
	} `maxminddb:"location"`
	ASNumber uint   `maxminddb:"autonomous_system_number"`
	ASName   string `maxminddb:"autonomous_system_organization"`
}

type named struct {
	Names map[string]string `maxminddb:"names"`
}

type coded struct {
	ISOCode string            `maxminddb:"iso_code"`
	Names   map[string]string `maxminddb:"names"`
}

func (g *geoIP) process(d *draft) (keep bool, err error) {
	root := d.opened()
	address := root.text("source.ip")
	if address == "" {
		return true, nil
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return true, err
	}
	l, found, err := lookUp(g.current(d.now), ip)
	if found {
		l.put(root)
		d.dirty = true
	}
	return true, err
}

// lookUp asks the database. Its file is mapped: where somebody writes over it
// instead of renaming a new one into its place, reading it faults, and that must
// cost a lookup and not the process.
func lookUp(r *maxminddb.Reader, ip netip.Addr) (l location, found bool, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("read the database: %v", p)
		}
	}()
	result := r.Lookup(ip)
	if err := result.Decode(&l); err != nil {
		return l, false, err
	}
	return l, result.Found(), nil
}

// put writes what is known under source.
func (l *location) put(root *node) {
	texts := []struct{ name, value string }{
		{"source.geo.city_name", l.City.Names["en"]},
		{"source.geo.continent_code", l.Continent.Code},
		{"source.geo.continent_name", l.Continent.Names["en"]},
		{"source.geo.country_iso_code", l.Country.ISOCode},
		{"source.geo.country_name", l.Country.Names["en"]},
		{"source.geo.postal_code", l.Postal.Code},
		{"source.geo.timezone", l.Location.TimeZone},
		{"source.as.organization.name", l.ASName},
	}
	if len(l.Subdivision) > 0 {
		first := l.Subdivision[0]
		texts = append(texts, struct{ name, value string }{"source.geo.region_name", first.Names["en"]})
		if first.ISOCode != "" && l.Country.ISOCode != "" { // ECS writes both parts, as ISO 3166-2 does
			texts = append(texts, struct{ name, value string }{"source.geo.region_iso_code", l.Country.ISOCode + "-" + first.ISOCode})
		}
	}
	for _, one := range texts {
		if one.value != "" {
			root.set(one.name, event.AppendQuoted(nil, one.value))
		}
	}
	if l.Location.Latitude != nil && l.Location.Longitude != nil {
		point := tree{"lat": *l.Location.Latitude, "lon": *l.Location.Longitude}
		root.set("source.geo.location", appendValue(nil, point))
	}
	if l.ASNumber != 0 {
		root.set("source.as.number", appendValue(nil, l.ASNumber))
	}
}
