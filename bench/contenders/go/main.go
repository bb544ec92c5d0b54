// A typical program of a Go developer: net/http, compress/gzip, encoding/json and goroutines, with the loop of
// the Runtime API in the standard library only.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
)

func main() {
	forwarder, err := newForwarder()
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(serve(forwarder.handle))
}

// serve requests one event after the other from the Runtime API.
func serve(handle func([]byte) ([]byte, error)) error {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	client := &http.Client{}
	for {
		response, err := client.Get(base + "next")
		if err != nil {
			return err
		}
		event, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("the Runtime API responded with %s", response.Status)
		}
		kind := "/response"
		result, err := handle(event)
		if err != nil {
			kind = "/error"
			result, _ = json.Marshal(map[string]string{"errorMessage": err.Error(), "errorType": "Error"})
		}
		id := response.Header.Get("Lambda-Runtime-Aws-Request-Id")
		response, err = client.Post(base+id+kind, "application/json", bytes.NewReader(result))
		if err != nil {
			return err
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode != http.StatusAccepted {
			return fmt.Errorf("the Runtime API responded with %s", response.Status)
		}
	}
}

type event struct {
	AWSLogs struct {
		// encoding/json decodes the base64.
		Data []byte `json:"data"`
	} `json:"awslogs"`
}

type document struct {
	LogEvents []logEvent `json:"logEvents"`
}

type logEvent struct {
	ID      string `json:"id"`
	Message string `json:"message"`
}

// line is one of the access log. The gateway writes every value as text.
type line struct {
	RequestID          string `json:"requestId"`
	HTTPMethod         string `json:"httpMethod"`
	Path               string `json:"path"`
	Protocol           string `json:"protocol"`
	Status             string `json:"status"`
	ResponseLength     string `json:"responseLength"`
	RequestTimeEpoch   string `json:"requestTimeEpoch"`
	ResponseLatency    string `json:"responseLatency"`
	IntegrationLatency string `json:"integrationLatency"`
	IntegrationStatus  string `json:"integrationStatus"`
	ErrorMessage       string `json:"errorMessage"`
	Stage              string `json:"stage"`
	DomainName         string `json:"domainName"`
	SourceIP           string `json:"sourceIp"`
	UserAgent          string `json:"userAgent"`
}

// responseInfo describes the response of a call.
type responseInfo struct {
	RequestID          string  `json:"requestId,omitempty"`
	Status             *uint64 `json:"status,omitempty"`
	ResponseLength     *uint64 `json:"responseLength,omitempty"`
	ResponseLatency    *uint64 `json:"responseLatency,omitempty"`
	IntegrationLatency *uint64 `json:"integrationLatency,omitempty"`
	IntegrationStatus  *uint64 `json:"integrationStatus,omitempty"`
	RequestTimeEpoch   *uint64 `json:"requestTimeEpoch,omitempty"`
	Protocol           string  `json:"protocol,omitempty"`
	Stage              string  `json:"stage,omitempty"`
	ErrorMessage       string  `json:"errorMessage,omitempty"`
}

type forwarder struct {
	client        *http.Client
	scheme        string
	node          string
	applicationID string
	connections   int
}

func newForwarder() (*forwarder, error) {
	connections, err := strconv.Atoi(variable("X_NODE_CONNECTIONS", "8"))
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		MaxConnsPerHost:     connections,
		MaxIdleConnsPerHost: connections,
	}
	if file := os.Getenv("X_NODE_CA_CERT"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, errors.New("X_NODE_CA_CERT contains no certificate")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	return &forwarder{
		client: &http.Client{
			Transport: transport,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse
			},
		},
		scheme:        variable("X_NODE_SCHEME", "https"),
		node:          os.Getenv("X_NODE_URL"),
		applicationID: variable("X_WALLARM_APPLICATION_ID", "-1"),
		connections:   connections,
	}, nil
}

func variable(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func (f *forwarder) handle(payload []byte) ([]byte, error) {
	var event event
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, err
	}
	inflated, err := gzip.NewReader(bytes.NewReader(event.AWSLogs.Data))
	if err != nil {
		return nil, err
	}
	var document document
	if err := json.NewDecoder(inflated).Decode(&document); err != nil {
		return nil, err
	}

	work := make(chan logEvent)
	failures := make(chan error, f.connections)
	var workers sync.WaitGroup
	for range f.connections {
		workers.Add(1)
		go func() {
			defer workers.Done()
			var failure error
			// After a failure it only drains the channel.
			for one := range work {
				if failure == nil {
					failure = f.forward(one)
				}
			}
			failures <- failure
		}()
	}
	for _, one := range document.LogEvents {
		work <- one
	}
	close(work)
	workers.Wait()
	close(failures)
	for failure := range failures {
		if failure != nil {
			return nil, failure
		}
	}
	return json.Marshal(map[string]int{"forwarded": len(document.LogEvents)})
}

// forward sends the call itself, and then its response.
func (f *forwarder) forward(one logEvent) error {
	var line line
	if err := json.Unmarshal([]byte(one.Message), &line); err != nil {
		return err
	}
	call, err := f.request(line.HTTPMethod, line, one.ID, "request", nil)
	if err != nil {
		return err
	}
	call.Header.Set("X-Forwarded-Host", line.DomainName)
	call.Header.Set("X-Forwarded-Proto", "https")
	if agent := present(line.UserAgent); agent != "" {
		call.Header.Set("User-Agent", agent)
	}
	if ip := present(line.SourceIP); ip != "" {
		call.Header.Set("X-Forwarded-For", ip)
		call.Header.Set("X-Real-IP", ip)
	}
	if err := f.send(call); err != nil {
		return err
	}

	body, err := json.Marshal(responseInfo{
		RequestID:          present(line.RequestID),
		Status:             number(line.Status),
		ResponseLength:     number(line.ResponseLength),
		ResponseLatency:    number(line.ResponseLatency),
		IntegrationLatency: number(line.IntegrationLatency),
		IntegrationStatus:  number(line.IntegrationStatus),
		RequestTimeEpoch:   number(line.RequestTimeEpoch),
		Protocol:           present(line.Protocol),
		Stage:              present(line.Stage),
		ErrorMessage:       present(line.ErrorMessage),
	})
	if err != nil {
		return err
	}
	response, err := f.request(http.MethodPost, line, one.ID, "response", bytes.NewReader(body))
	if err != nil {
		return err
	}
	response.Header.Set("Content-Type", "application/json")
	return f.send(response)
}

func (f *forwarder) request(method string, line line, id, message string, body io.Reader) (*http.Request, error) {
	target := url.URL{Scheme: f.scheme, Host: f.node, Path: line.Path}
	request, err := http.NewRequest(method, target.String(), body)
	if err != nil {
		return nil, err
	}
	request.Host = line.DomainName
	request.Header.Set("X-Request-Id", id)
	request.Header.Set("X-Wallarm-Application-Id", f.applicationID)
	request.Header.Set("X-Wallarm-Message", message)
	return request, nil
}

func (f *forwarder) send(request *http.Request) error {
	response, err := f.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("the Node responded with %s", response.Status)
	}
	return nil
}

// present returns a value, or an empty string for the dash that the gateway writes for an absent value.
func present(text string) string {
	if text == "-" {
		return ""
	}
	return text
}

func number(text string) *uint64 {
	value, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return nil
	}
	return &value
}
