#include "openssl_baseline.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct work {
  enum openssl_operation operation;
  int message_bytes;
  uint64_t nanoseconds;
  uint64_t count;
  pthread_t thread;
};

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static int sign(EVP_PKEY *key, const uint8_t *message, size_t bytes, uint8_t signature[64]) {
  size_t count = 64;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  int good = EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
             EVP_DigestSign(context, signature, &count, message, bytes) == 1;
  EVP_MD_CTX_free(context);
  return good;
}

static int verify(EVP_PKEY *key, const uint8_t *message, size_t bytes, const uint8_t signature[64]) {
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  int good = EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
             EVP_DigestVerify(context, signature, 64, message, bytes) == 1;
  EVP_MD_CTX_free(context);
  return good;
}

static int encrypt(EVP_CIPHER_CTX *context, const uint8_t *message, int bytes, uint8_t *box) {
  int count = 0;
  return RAND_bytes(box, 12) == 1 && EVP_EncryptInit_ex(context, NULL, NULL, NULL, box) == 1 &&
         EVP_EncryptUpdate(context, box + 12, &count, message, bytes) == 1 &&
         EVP_EncryptFinal_ex(context, box + 12 + count, &count) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, box + 12 + bytes) == 1;
}

static int decrypt(EVP_CIPHER_CTX *context, uint8_t *box, int bytes, uint8_t *message) {
  int count = 0;
  return EVP_DecryptInit_ex(context, NULL, NULL, NULL, box) == 1 &&
         EVP_DecryptUpdate(context, message, &count, box + 12, bytes) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, 16, box + 12 + bytes) == 1 &&
         EVP_DecryptFinal_ex(context, message + count, &count) == 1;
}

static void *run(void *argument) {
  struct work *work = argument;
  const uint8_t secret[32] = {1, 2, 3};
  uint8_t *message = calloc(1, (size_t)work->message_bytes);
  uint8_t *box = calloc(1, (size_t)work->message_bytes + 28);
  uint8_t signature[64];
  EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, 32);
  EVP_CIPHER_CTX *seal = EVP_CIPHER_CTX_new();
  EVP_CIPHER_CTX *open = EVP_CIPHER_CTX_new();
  int good = EVP_EncryptInit_ex(seal, EVP_aes_256_gcm(), NULL, secret, NULL) == 1 &&
             EVP_DecryptInit_ex(open, EVP_aes_256_gcm(), NULL, secret, NULL) == 1 &&
             sign(key, message, (size_t)work->message_bytes, signature) &&
             encrypt(seal, message, work->message_bytes, box);
  uint64_t end = now() + work->nanoseconds;
  while (good && now() < end) {
    switch (work->operation) {
    case openssl_sign: good = sign(key, message, (size_t)work->message_bytes, signature); break;
    case openssl_verify: good = verify(key, message, (size_t)work->message_bytes, signature); break;
    case openssl_encrypt: good = encrypt(seal, message, work->message_bytes, box); break;
    case openssl_decrypt: good = decrypt(open, box, work->message_bytes, message); break;
    }
    work->count++;
  }
  if (!good) work->count = 0;
  EVP_CIPHER_CTX_free(seal);
  EVP_CIPHER_CTX_free(open);
  EVP_PKEY_free(key);
  free(message);
  free(box);
  return NULL;
}

uint64_t openssl_baseline(enum openssl_operation operation, int threads, int message_bytes, uint64_t nanoseconds) {
  struct work *works = calloc((size_t)threads, sizeof(struct work));
  uint64_t count = 0;
  int good = 1;
  for (int i = 0; i < threads; i++) {
    works[i] = (struct work){.operation = operation, .message_bytes = message_bytes, .nanoseconds = nanoseconds};
    pthread_create(&works[i].thread, NULL, run, &works[i]);
  }
  for (int i = 0; i < threads; i++) {
    pthread_join(works[i].thread, NULL);
    good = good && works[i].count > 0;
    count += works[i].count;
  }
  free(works);
  return good ? count : 0;
}
