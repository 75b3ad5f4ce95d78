// A ZEO client as small as it can be: protocol 5, msgpack, blocking or not. Shared by zeoload.c and zeocommit.c.
//
//   frame     length 4 (big-endian) | message
//   request   [id, false, method, [argument...]]        call without reply: [0, true, method, [argument...]]
//   reply     [id, 0, ".reply", result]                 error: [id, 2, ".reply", [class, arguments]]

#ifndef ZEO_H
#define ZEO_H

#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static void refuse(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static void put32(uint8_t *p, uint32_t v) {
  p[0] = v >> 24, p[1] = v >> 16, p[2] = v >> 8, p[3] = v;
}

static uint32_t get32(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

// ---- bytes in and out

typedef struct {
  uint8_t *data;
  size_t start, end, capacity;
} Buffer;

/** Makes room for `n` more bytes after `end`. */
static uint8_t *reserve(Buffer *b, size_t n) {
  if (b->start == b->end) b->start = b->end = 0;
  if (b->capacity - b->end < n && b->start) {
    memmove(b->data, b->data + b->start, b->end - b->start);
    b->end -= b->start, b->start = 0;
  }
  if (b->capacity - b->end < n) {
    b->capacity = (b->end + n) * 2;
    b->data = realloc(b->data, b->capacity);
    if (!b->data) fail("realloc");
  }
  return b->data + b->end;
}

static void append(Buffer *b, const void *bytes, size_t n) {
  memcpy(reserve(b, n), bytes, n);
  b->end += n;
}

static void append8(Buffer *b, uint8_t byte) {
  append(b, &byte, 1);
}

/** Appends what can be read now; false if nothing can (non-blocking sockets only). */
static bool fill(Buffer *b, int fd) {
  uint8_t *room = reserve(b, 1 << 16);
  ssize_t n = read(fd, room, b->capacity - b->end);
  if (n == 0) refuse("the server closed the connection");
  if (n < 0) {
    if (errno == EAGAIN || errno == EINTR) return false;
    fail("read");
  }
  b->end += n;
  return true;
}

/** Writes what the socket takes. */
static void drain(Buffer *b, int fd) {
  while (b->start < b->end) {
    ssize_t n = write(fd, b->data + b->start, b->end - b->start);
    if (n < 0) {
      if (errno == EAGAIN) return;
      fail("write");
    }
    b->start += n;
  }
}

/** The next whole message in the buffer, or NULL. */
static const uint8_t *next_message(Buffer *b, uint32_t *length) {
  if (b->end - b->start < 4) return NULL;
  uint32_t n = get32(b->data + b->start);
  if (b->end - b->start < 4 + (size_t)n) return NULL;
  const uint8_t *message = b->data + b->start + 4;
  b->start += 4 + n;
  *length = n;
  return message;
}

// ---- messages

/** Where a message starts, counted from `start` of the buffer; to be closed with end_message. */
static size_t begin_message(Buffer *b, uint32_t id, bool async, const char *method, int arguments) {
  size_t length = strlen(method);
  uint8_t head[16] = {0, 0, 0, 0, 0x94, 0xce, 0, 0, 0, 0, async ? 0xc3 : 0xc2};
  put32(head + 6, id);
  size_t start = b->end - b->start;
  append(b, head, 11);
  if (length >= 32) refuse("method name too long");
  append8(b, 0xa0 | length);
  append(b, method, length);
  append8(b, 0x90 | arguments);
  return start;
}

static void end_message(Buffer *b, size_t start) {
  uint8_t *p = b->data + b->start + start;
  put32(p, b->data + b->end - p - 4);
}

static void append_bytes(Buffer *b, const void *bytes, size_t n) {
  uint8_t head[5] = {0xc6};
  if (n < 256) {
    head[0] = 0xc4, head[1] = n;
    append(b, head, 2);
  } else {
    put32(head + 1, n);
    append(b, head, 5);
  }
  append(b, bytes, n);
}

static void append_text(Buffer *b, const char *text) {
  size_t n = strlen(text);
  if (n >= 32) refuse("text too long");
  append8(b, 0xa0 | n);
  append(b, text, n);
}

typedef struct {
  bool is_reply, is_error;
  uint32_t id;
  const uint8_t *result;
} Message;

/** Reads the head of a message from the server. Ids are as small as we made them, so 32 bits are enough. */
static Message parse(const uint8_t *p) {
  Message m = {0};
  if (*p++ != 0x94) refuse("not a message of four parts");
  uint8_t type = *p++;
  if (type < 0x80) m.id = type;
  else if (type == 0xcc) m.id = *p, p += 1;
  else if (type == 0xcd) m.id = p[0] << 8 | p[1], p += 2;
  else if (type == 0xce || type == 0xd2) m.id = get32(p), p += 4;
  else refuse("a message id of unknown form");
  uint8_t flag = *p++;
  size_t length = 0;
  if ((*p & 0xe0) == 0xa0) length = *p++ & 0x1f;
  else if (*p == 0xd9) length = p[1], p += 2;
  else refuse("a method name of unknown form");
  m.is_reply = length == 6 && !memcmp(p, ".reply", 6);
  m.is_error = flag == 2 || flag == 0xc3;
  m.result = p + length;
  return m;
}

// ---- connections

typedef struct {
  int fd;
  Buffer in, out;
  uint32_t last_id;
} Connection;

/** Waits for the reply to `id`; messages in between (invalidations, info) are passed over. */
static Message wait_reply(Connection *c, uint32_t id, const char *what) {
  for (;;) {
    uint32_t length;
    const uint8_t *message = next_message(&c->in, &length);
    if (!message) {
      fill(&c->in, c->fd);
      continue;
    }
    Message m = parse(message);
    if (!m.is_reply || m.id != id) continue;
    if (m.is_error) {
      fprintf(stderr, "%s failed: %.*s\n", what, (int)(message + length - m.result), m.result);
      exit(1);
    }
    return m;
  }
}

static Connection connect_to(const char *host, const char *port, const char *storage) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
  if (getaddrinfo(host, port, &hints, &found)) refuse("no such host");
  Connection c = {.fd = socket(found->ai_family, SOCK_STREAM, 0), .last_id = 1};
  if (connect(c.fd, found->ai_addr, found->ai_addrlen)) fail("connect");
  freeaddrinfo(found);
  int one = 1;
  setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  uint32_t length;
  const uint8_t *greeting;
  while (!(greeting = next_message(&c.in, &length))) fill(&c.in, c.fd);
  if (length != 2 || greeting[0] != 'M') refuse("the server does not speak msgpack: set `msgpack true`");
  append(&c.out, "\0\0\0\2M5", 6);
  size_t start = begin_message(&c.out, c.last_id, false, "register", 2);
  append_text(&c.out, storage);
  append8(&c.out, 0xc2);
  end_message(&c.out, start);
  drain(&c.out, c.fd);
  wait_reply(&c, c.last_id, "register");
  return c;
}

// ---- results

static int by_size(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

/** One line of JSON; latencies are in seconds, printed in microseconds. */
static void report(uint64_t count, double seconds, uint64_t bytes, float *latencies, size_t n) {
  qsort(latencies, n, sizeof *latencies, by_size);
  printf("{\"count\":%llu,\"perSecond\":%.1f,\"megabytesPerSecond\":%.2f,\"p50\":%.1f,\"p99\":%.1f}\n",
         (unsigned long long)count, count / seconds, bytes / seconds / 1e6, n ? latencies[n / 2] * 1e6 : 0,
         n ? latencies[(size_t)(n * .99)] * 1e6 : 0);
}

#endif
