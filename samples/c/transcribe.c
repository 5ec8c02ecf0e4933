/* Transcribes a file: transcribe MODEL FILE. Prints each segment as soon as it is final. */
#include <stdio.h>
#include <string.h>

#include "whispertrt/whispertrt.h"

/* Prints and frees what a call returned. */
static int failed(wtrt_error* error) {
  if (error == NULL) return 0;
  fprintf(stderr, "transcribe: %s\n", wtrt_error_message(error));
  wtrt_error_release(error);
  return 1;
}

static int print_segment(const wtrt_event* event) {
  const wtrt_segment* segment = event->segment;
  printf("[%6.2f -> %6.2f] %.*s\n", segment->start, segment->end, (int)segment->text_size, segment->text);
  return fflush(stdout);
}

/* Takes events until the job's last one. */
static int pump(wtrt_queue* queue) {
  for (;;) {
    wtrt_event* event = NULL;
    int status = -1; /* -1: goes on */
    if (failed(wtrt_queue_next(queue, WTRT_NONE, &event))) return 1;
    switch (event->kind) {
      case WTRT_EVENT_SEGMENT: print_segment(event); break;
      case WTRT_EVENT_FINISHED: status = 0; break;
      case WTRT_EVENT_FAILED:
        fprintf(stderr, "transcribe: %.*s\n", (int)event->text_size, event->text);
        status = 1;
        break;
      case WTRT_EVENT_CLOSED: status = 1; break;
      default: break;
    }
    wtrt_event_release(event);
    if (status >= 0) return status;
  }
}

static int transcribe(wtrt_engine* engine, const char* path) {
  wtrt_audio audio = {
      .struct_size = sizeof audio, .kind = WTRT_AUDIO_PATH, .data = path, .size = (int64_t)strlen(path)};
  wtrt_queue* queue = NULL;
  wtrt_job* job = NULL;
  int status =
      failed(wtrt_queue_create(&queue)) || failed(wtrt_engine_submit(engine, queue, &audio, NULL, &job)) || pump(queue);
  wtrt_job_release(job);
  wtrt_queue_release(queue);
  return status;
}

int main(int argc, char** argv) {
  wtrt_model* model = NULL;
  wtrt_engine* engine = NULL;
  int status;
  if (argc != 3) {
    fprintf(stderr, "usage: transcribe MODEL FILE\n");
    return 2;
  }
  if (wtrt_abi_version() / 65536 != WTRT_ABI_MAJOR) {
    fprintf(stderr, "transcribe: libwhispertrt is of another ABI version than this program\n");
    return 2;
  }
  status = failed(wtrt_model_load(argv[1], (int64_t)strlen(argv[1]), NULL, &model)) ||
           failed(wtrt_engine_create(model, NULL, &engine)) || transcribe(engine, argv[2]);
  wtrt_engine_release(engine);
  wtrt_model_release(model);
  return status;
}
