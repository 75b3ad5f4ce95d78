// Commits a second: every client, a thread and a connection of its own, changes its own new objects again and again.
// usage: zeocommit HOST PORT CLIENTS OBJECTS BYTES SECONDS [STORAGE]

#include "zeo.h"
#include <pthread.h>

#define MOST_CLIENTS 256

static const char *host, *port, *storage = "1";
static int objects, size;
static double seconds;
static pthread_barrier_t ready;

typedef struct {
  int number;
  pthread_t thread;
  uint64_t commits;
  double end;
  float *latencies;
  size_t room;
} Client;

/** A record of a PersistentMapping with text of about `size` bytes, as ZODB would write it. */
static Buffer make_record(void) {
  Buffer record = {0};
  static const char class[] = "\x80\x03" "cpersistent.mapping\nPersistentMapping\n.";
  static const char state[] = "\x80\x03}X\4\0\0\0data}X\1\0\0\0kX";
  append(&record, class, sizeof class - 1);
  append(&record, state, sizeof state - 1);
  int text = size - (int)record.end - 4 - 3;
  if (text < 0) text = 0;
  uint8_t length[4] = {text, text >> 8, text >> 16, text >> 24};
  append(&record, length, 4);
  for (int i = 0; i < text; i++) append8(&record, 'a' + rand() % 26);
  append(&record, "ss.", 3);
  return record;
}

/** Takes `count` new oids from the server. */
static uint8_t *new_oids(Connection *c, int count) {
  uint8_t *oids = malloc(8 * count);
  for (int got = 0; got < count;) {
    size_t start = begin_message(&c->out, ++c->last_id, false, "new_oids", 1);
    append8(&c->out, 100);
    end_message(&c->out, start);
    drain(&c->out, c->fd);
    const uint8_t *p = wait_reply(c, c->last_id, "new_oids").result;
    int given;
    if ((*p & 0xf0) == 0x90) given = *p++ & 15;
    else given = p[1] << 8 | p[2], p += 3;
    // Each is bytes of length 8: c4 08 and the oid.
    for (int i = 0; i < given && got < count; i++, p += 10) memcpy(oids + 8 * got++, p + 2, 8);
  }
  return oids;
}

static void *run(void *argument) {
  Client *client = argument;
  Connection c = connect_to(host, port, storage);
  Buffer *out = &c.out, record = make_record();
  uint8_t *oids = new_oids(&c, objects), serial[8] = {0}, transaction[4];
  pthread_barrier_wait(&ready);
  double begin = now(), t = begin;
  while (t < begin + seconds) {
    put32(transaction, client->number << 20 | (client->commits & 0xfffff));
    size_t start = begin_message(out, 0, true, "tpc_begin", 6);
    append_bytes(out, transaction, 4);
    append(out, "\xc4\0\xc4\0\x80\xc0\xa1 ", 8);  // no user, no description, no extension, no tid, status " "
    end_message(out, start);
    for (int i = 0; i < objects; i++) {
      start = begin_message(out, 0, true, "storea", 4);
      append_bytes(out, oids + 8 * i, 8);
      append_bytes(out, serial, 8);
      append_bytes(out, record.data, record.end);
      append_bytes(out, transaction, 4);
      end_message(out, start);
    }
    start = begin_message(out, ++c.last_id, false, "vote", 1);
    append_bytes(out, transaction, 4);
    end_message(out, start);
    drain(out, c.fd);
    wait_reply(&c, c.last_id, "vote");
    start = begin_message(out, ++c.last_id, false, "tpc_finish", 1);
    append_bytes(out, transaction, 4);
    end_message(out, start);
    drain(out, c.fd);
    memcpy(serial, wait_reply(&c, c.last_id, "tpc_finish").result + 2, 8);
    double done = now();
    if (client->commits == client->room) {
      client->room = client->room * 2 + 1024;
      client->latencies = realloc(client->latencies, client->room * sizeof *client->latencies);
    }
    client->latencies[client->commits++] = done - t;
    t = done;
  }
  client->end = t;
  close(c.fd);
  return NULL;
}

int main(int argc, char **argv) {
  if (argc < 7) refuse("usage: zeocommit HOST PORT CLIENTS OBJECTS BYTES SECONDS [STORAGE]");
  host = argv[1], port = argv[2];
  int clients = atoi(argv[3]);
  objects = atoi(argv[4]), size = atoi(argv[5]), seconds = atof(argv[6]);
  if (argc > 7) storage = argv[7];
  if (clients < 1 || clients > MOST_CLIENTS || objects < 1) refuse("numbers out of range");

  static Client all[MOST_CLIENTS];
  pthread_barrier_init(&ready, NULL, clients + 1);
  for (int i = 0; i < clients; i++) {
    all[i].number = i;
    if (pthread_create(&all[i].thread, NULL, run, all + i)) refuse("can't start a thread");
  }
  pthread_barrier_wait(&ready);
  double begin = now(), end = begin;
  uint64_t commits = 0;
  for (int i = 0; i < clients; i++) {
    pthread_join(all[i].thread, NULL);
    commits += all[i].commits;
    if (all[i].end > end) end = all[i].end;
  }
  float *latencies = malloc((commits + 1) * sizeof *latencies);
  size_t n = 0;
  for (int i = 0; i < clients; i++) {
    memcpy(latencies + n, all[i].latencies, all[i].commits * sizeof *latencies);
    n += all[i].commits;
  }
  report(commits, end - begin, commits * objects * size, latencies, n);
}
