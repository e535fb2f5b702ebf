package encode

import (
	"net/netip"
	"strings"
)

// endpoint writes where the request came from. A base event has no place for it.
func (w *ocsfWriter) endpoint() {
	if w.class.uid == baseEvent || !w.has(sourceIP, sourceAddress) && w.class.uid != apiActivity {
		return
	}
	w.open("src_endpoint")
	ip := w.values[sourceIP]
	if _, err := netip.ParseAddr(ip.Text()); err == nil {
		w.raw("ip", w.take(sourceIP))
		w.observe("src_endpoint.ip", 2, "IP Address", ip)
		if w.values[sourceAddress].Text() == ip.Text() {
			w.used[sourceAddress] = true
		}
	} else if address := w.first(sourceAddress, sourceIP); address != nil {
		w.raw("name", address)
	} else {
		w.constant("name", "unknown") // the class wants an endpoint
	}
	w.location()
	w.close()
}

// location writes what a database of addresses knows of the client's.
func (w *ocsfWriter) location() {
	if w.has(geoCity, geoCountry, geoPostal, geoRegion, geoRegionName) {
		w.open("location")
		w.raw("city", w.take(geoCity))
		w.raw("continent", w.take(geoContinent))
		w.raw("country", w.take(geoCountry))
		w.raw("postal_code", w.take(geoPostal))
		w.raw("region", w.first(geoRegion, geoRegionName))
		if w.isNumber(geoLat) && w.isNumber(geoLon) {
			w.raw("lat", w.take(geoLat))
			w.raw("long", w.take(geoLon))
		}
		w.close()
	}
	number, ok := w.number64(asNumber)
	if ok || w.has(asName) {
		w.open("autonomous_system")
		if ok {
			w.used[asNumber] = true
			w.number("number", number)
		}
		w.raw("name", w.take(asName))
		w.close()
	}
}

func (r *record) isNumber(s slot) bool {
	v := r.values[s]
	return len(v) > 0 && (v[0] == '-' || v[0]-'0' <= 9)
}

// method gives the method if it is one that the schema has, else "": then it
// stays where it is, for unmapped.
func (w *ocsfWriter) method() string {
	switch m := strings.ToUpper(w.values[httpMethod].Text()); m {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE":
		w.used[httpMethod] = true
		return m
	default:
		return ""
	}
}

// request writes what is known of the HTTP request and its answer.
func (w *ocsfWriter) request() {
	if w.class.uid == baseEvent {
		return
	}
	if method := w.method(); method != "" || w.has(userAgent, urlFull, urlPath) {
		agent := w.take(userAgent)
		w.open("http_request")
		w.text("http_method", method)
		w.raw("user_agent", agent)
		if w.has(urlFull, urlPath) {
			w.open("url")
			w.raw("url_string", w.take(urlFull))
			w.raw("path", w.take(urlPath))
			w.close()
		}
		w.close()
		w.observe("http_request.user_agent", 16, "HTTP User-Agent", agent)
	}
	if code, ok := w.number64(httpStatus); ok {
		w.used[httpStatus] = true
		w.open("http_response")
		w.number("code", code)
		w.close()
	}
}
