// Loads a second: every connection keeps a number of loadBefore requests for random oids outstanding.
// usage: zeoload HOST PORT CONNECTIONS OUTSTANDING SECONDS OIDS [STORAGE]

#include "zeo.h"
#include <fcntl.h>
#include <sys/epoll.h>

#define MOST_OUTSTANDING 4096
#define MOST_LATENCIES (1 << 24)

static uint64_t random_state = 88172645463325252ull;

static uint64_t next_random(void) {
  random_state ^= random_state << 13, random_state ^= random_state >> 7, random_state ^= random_state << 17;
  return random_state;
}

typedef struct {
  Connection c;
  double sent[MOST_OUTSTANDING];
} Loader;

/** Asks for the newest revision of a random object. */
static void ask(Loader *l, uint64_t oids, double t) {
  uint8_t oid[8], newest[8] = {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  uint64_t number = next_random() % oids;
  put32(oid, number >> 32), put32(oid + 4, number);
  Buffer *out = &l->c.out;
  size_t start = begin_message(out, ++l->c.last_id, false, "loadBefore", 2);
  append_bytes(out, oid, 8);
  append_bytes(out, newest, 8);
  end_message(out, start);
  l->sent[l->c.last_id % MOST_OUTSTANDING] = t;
}

int main(int argc, char **argv) {
  if (argc < 7) refuse("usage: zeoload HOST PORT CONNECTIONS OUTSTANDING SECONDS OIDS [STORAGE]");
  int connections = atoi(argv[3]), outstanding = atoi(argv[4]);
  double seconds = atof(argv[5]);
  uint64_t oids = strtoull(argv[6], 0, 10);
  if (connections < 1 || outstanding < 1 || outstanding > MOST_OUTSTANDING || oids < 1) refuse("numbers out of range");

  Loader *loaders = calloc(connections, sizeof *loaders);
  float *latencies = malloc(MOST_LATENCIES * sizeof *latencies);
  int poll = epoll_create1(0);
  for (int i = 0; i < connections; i++) {
    Loader *l = loaders + i;
    l->c = connect_to(argv[1], argv[2], argc > 7 ? argv[7] : "1");
    fcntl(l->c.fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = l};
    epoll_ctl(poll, EPOLL_CTL_ADD, l->c.fd, &event);
  }

  uint64_t loads = 0, bytes = 0;
  double begin = now(), end = begin + seconds, t = begin;
  for (int i = 0; i < connections; i++) {
    for (int k = 0; k < outstanding; k++) ask(loaders + i, oids, begin);
    drain(&loaders[i].c.out, loaders[i].c.fd);
  }
  while (t < end) {
    struct epoll_event events[64];
    int ready = epoll_wait(poll, events, 64, 100);
    for (int i = 0; i < ready; i++) {
      Loader *l = events[i].data.ptr;
      if (!fill(&l->c.in, l->c.fd)) continue;
      t = now();
      uint32_t length;
      const uint8_t *message;
      while ((message = next_message(&l->c.in, &length))) {
        Message m = parse(message);
        if (!m.is_reply) continue;
        if (m.is_error) refuse("a load failed");
        if (loads < MOST_LATENCIES) latencies[loads] = t - l->sent[m.id % MOST_OUTSTANDING];
        loads++, bytes += 4 + length;
        ask(l, oids, t);
      }
      drain(&l->c.out, l->c.fd);
    }
    t = now();
  }
  report(loads, t - begin, bytes, latencies, loads < MOST_LATENCIES ? loads : MOST_LATENCIES);
}
