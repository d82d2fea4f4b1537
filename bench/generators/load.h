/* What both load generators share: options, clock, random users, a latency histogram, the report as one JSON line.
 * They aim at loopback only and stop by themselves after a stated time. */
#ifndef LOAD_H
#define LOAD_H
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_SECONDS = 600, MAX_CONNECTIONS = 256 };

static inline void die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

static inline uint64_t now_us(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

/* xorshift64*: fast, and the same users in the same order in every run. */
static uint64_t random_state = 88172645463325252u;
static inline uint64_t random_u64(void) {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return random_state * 2685821657736338717u;
}

static inline long number_option(const char *name, const char *text, long low, long high) {
  char *end;
  long value = strtol(text, &end, 10);
  if (*text == 0 || *end != 0 || value < low || value > high) die("--%s: a number from %ld to %ld", name, low, high);
  return value;
}

/* The only addresses that may be loaded: 127.0.0.0/8. */
static inline struct sockaddr_in loopback_address(const char *host, long port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1 || ntohl(address.sin_addr.s_addr) >> 24 != 127)
    die("refused: %s is not an IPv4 loopback address", host);
  return address;
}

/* Writes `pattern` with its run of '#' replaced by `number`, padded with zeros: "u######" and 7 give "u000007". A
 * pattern without '#' is taken as it is. Returns the length. */
static inline size_t expand(char *out, size_t size, const char *pattern, long number) {
  size_t length = strlen(pattern);
  if (length + 1 > size) die("too long: %s", pattern);
  memcpy(out, pattern, length + 1);
  char *first = strchr(out, '#');
  if (first == NULL) return length;
  char *last = first;
  while (last[1] == '#') last++;
  for (char *digit = last; digit >= first; digit--, number /= 10) *digit = (char)('0' + number % 10);
  if (number != 0) die("too few '#' for this many users: %s", pattern);
  return length;
}

/* Latencies in microseconds, in buckets at most 1.6 % wide: 64 per power of two. */
typedef struct {
  uint64_t count[64 * 40];
  uint64_t total;
} histogram;

static inline void record_latency(histogram *h, uint64_t us) {
  unsigned shift = us < 64 ? 0 : 57u - (unsigned)__builtin_clzll(us);
  h->count[shift * 64 + (us >> shift)]++;
  h->total++;
}

/* The latency, in milliseconds, that `fraction` of all operations did not exceed. */
static inline double percentile_ms(const histogram *h, double fraction) {
  uint64_t wanted = (uint64_t)((double)h->total * fraction), seen = 0;
  for (unsigned i = 0; i < sizeof h->count / sizeof *h->count; i++) {
    seen += h->count[i];
    if (seen > wanted) {
      unsigned shift = i < 128 ? 0 : i / 64 - 1;
      return (double)((uint64_t)(i - shift * 64) << shift) / 1e3;
    }
  }
  return 0;
}

/* What was seen while measuring; `extra` is more JSON members of the generator's own, with a leading comma. */
typedef struct {
  uint64_t operations, timeouts;
  uint64_t codes[256];
  histogram latency;
} tally;

static inline double cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static inline void report(const tally *t, uint64_t elapsed_us, double cpu, const char *extra) {
  double seconds = (double)elapsed_us / 1e6;
  printf("{\"operations\":%lu,\"seconds\":%.3f,\"opsPerSecond\":%.1f,\"p50Ms\":%.3f,\"p99Ms\":%.3f,\"codes\":{",
         t->operations, seconds, (double)t->operations / seconds, percentile_ms(&t->latency, 0.5),
         percentile_ms(&t->latency, 0.99));
  const char *comma = "";
  for (int i = 0; i < 256; i++)
    if (t->codes[i] > 0) {
      printf("%s\"%d\":%lu", comma, i, t->codes[i]);
      comma = ",";
    }
  printf("},\"timeouts\":%lu,\"cpuSeconds\":%.3f%s}\n", t->timeouts, cpu, extra);
}

#endif
