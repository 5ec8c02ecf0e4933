// The language of a recording by its first windows.
#include <gtest/gtest.h>

#include "whisper/language_detection.hpp"

namespace wtrt::whisper {
namespace {

DetectedLanguage window(const char* code, float probability) { return {code, {probability}, probability}; }

TEST(LanguageVote, TheFirstSureWindowDecides) {
  LanguageVote vote(0.5);
  EXPECT_FALSE(vote.sure());
  vote.hear(window("nn", 0.5f));  // no more than the threshold
  vote.hear(window("nn", 0.3f));
  EXPECT_FALSE(vote.sure());
  vote.hear(window("cy", 0.51f));
  EXPECT_TRUE(vote.sure());
  EXPECT_EQ(vote.heard(), 3);
  EXPECT_EQ(vote.decision().code, "cy");
}

TEST(LanguageVote, WithoutOneMostOfThemDo) {
  LanguageVote vote(0.9);
  for (const auto& heard :
       {window("en", 0.8f), window("de", 0.3f), window("fr", 0.7f), window("de", 0.4f), window("de", 0.2f)})
    vote.hear(heard);
  EXPECT_FALSE(vote.sure());
  EXPECT_EQ(vote.decision().code, "de");
  EXPECT_EQ(vote.decision().probability, 0.4f);  // as the window found it that was surest of it
}

TEST(LanguageVote, OfEquallyManyTheFirstHeard) {
  LanguageVote vote(0.9);
  vote.hear(window("fr", 0.2f));
  vote.hear(window("de", 0.8f));
  EXPECT_EQ(vote.decision().code, "fr");
  vote.hear(window("fr", 0.3f));
  vote.hear(window("de", 0.7f));
  EXPECT_EQ(vote.decision().code, "fr");
  EXPECT_EQ(vote.decision().probability, 0.3f);
}

}  // namespace
}  // namespace wtrt::whisper
