; Blocks that each jump to the next and to the one after it, so that no block but the first dominates another: too deep
; to nest in source code.
;; skip ebpf-cgroup_skb: the result is a test of A, whose constants make the verifier of Linux walk each path alone
b0:     txa
        add #1
        tax
        ldb [0]
        jset #1, b2, b1
b1:     txa
        add #2
        tax
        ldb [1]
        jset #2, b3, b2
b2:     txa
        add #3
        tax
        ldb [2]
        jset #4, b4, b3
b3:     txa
        add #4
        tax
        ldb [3]
        jset #8, b5, b4
b4:     txa
        add #5
        tax
        ldb [4]
        jset #16, b6, b5
b5:     txa
        add #6
        tax
        ldb [5]
        jset #32, b7, b6
b6:     txa
        add #7
        tax
        ldb [6]
        jset #64, b8, b7
b7:     txa
        add #8
        tax
        ldb [7]
        jset #1, b9, b8
b8:     txa
        add #9
        tax
        ldb [8]
        jset #2, b10, b9
b9:     txa
        add #10
        tax
        ldb [9]
        jset #4, b11, b10
b10:     txa
        add #11
        tax
        ldb [10]
        jset #8, b12, b11
b11:     txa
        add #12
        tax
        ldb [11]
        jset #16, b13, b12
b12:     txa
        add #13
        tax
        ldb [12]
        jset #32, b14, b13
b13:     txa
        add #14
        tax
        ldb [13]
        jset #64, b15, b14
b14:     txa
        add #15
        tax
        ldb [14]
        jset #1, b16, b15
b15:     txa
        add #16
        tax
        ldb [15]
        jset #2, b17, b16
b16:     txa
        add #17
        tax
        ldb [16]
        jset #4, b18, b17
b17:     txa
        add #18
        tax
        ldb [17]
        jset #8, b19, b18
b18:     txa
        add #19
        tax
        ldb [18]
        jset #16, b20, b19
b19:     txa
        add #20
        tax
        ldb [19]
        jset #32, b21, b20
b20:     txa
        add #21
        tax
        ldb [20]
        jset #64, b22, b21
b21:     txa
        add #22
        tax
        ldb [21]
        jset #1, b23, b22
b22:     txa
        add #23
        tax
        ldb [22]
        jset #2, b24, b23
b23:     txa
        add #24
        tax
        ldb [23]
        jset #4, b25, b24
b24:     txa
        add #25
        tax
        ldb [24]
        jset #8, b26, b25
b25:     txa
        add #26
        tax
        ldb [25]
        jset #16, b27, b26
b26:     txa
        add #27
        tax
        ldb [26]
        jset #32, b28, b27
b27:     txa
        add #28
        tax
        ldb [27]
        jset #64, b29, b28
b28:     txa
        add #29
        tax
        ldb [28]
        jset #1, b30, b29
b29:     txa
        add #30
        tax
        ldb [29]
        jset #2, b31, b30
b30:     txa
        add #31
        tax
        ldb [30]
        jset #4, b32, b31
b31:     txa
        add #32
        tax
        ldb [31]
        jset #8, b33, b32
b32:     txa
        add #33
        tax
        ldb [32]
        jset #16, b34, b33
b33:     txa
        add #34
        tax
        ldb [33]
        jset #32, b35, b34
b34:     txa
        add #35
        tax
        ldb [34]
        jset #64, b36, b35
b35:     txa
        add #36
        tax
        ldb [35]
        jset #1, b37, b36
b36:     txa
        add #37
        tax
        ldb [36]
        jset #2, b38, b37
b37:     txa
        add #38
        tax
        ldb [37]
        jset #4, b39, b38
b38:     txa
        add #39
        tax
        ldb [38]
        jset #8, b40, b39
b39:     txa
        add #40
        tax
        ldb [39]
        jset #16, b41, b40
b40:     txa
        add #41
        tax
        ldb [0]
        jset #32, b42, b41
b41:     txa
        add #42
        tax
        ldb [1]
        jset #64, b43, b42
b42:     txa
        add #43
        tax
        ldb [2]
        jset #1, b44, b43
b43:     txa
        add #44
        tax
        ldb [3]
        jset #2, b45, b44
b44:     txa
        add #45
        tax
        ldb [4]
        jset #4, b46, b45
b45:     txa
        add #46
        tax
        ldb [5]
        jset #8, b47, b46
b46:     txa
        add #47
        tax
        ldb [6]
        jset #16, b48, b47
b47:     txa
        add #48
        tax
        ldb [7]
        jset #32, b49, b48
b48:     txa
        add #49
        tax
        ldb [8]
        jset #64, b50, b49
b49:     txa
        add #50
        tax
        ldb [9]
        jset #1, b51, b50
b50:     txa
        add #51
        tax
        ldb [10]
        jset #2, b52, b51
b51:     txa
        add #52
        tax
        ldb [11]
        jset #4, b53, b52
b52:     txa
        add #53
        tax
        ldb [12]
        jset #8, b54, b53
b53:     txa
        add #54
        tax
        ldb [13]
        jset #16, b55, b54
b54:     txa
        add #55
        tax
        ldb [14]
        jset #32, b56, b55
b55:     txa
        add #56
        tax
        ldb [15]
        jset #64, b57, b56
b56:     txa
        add #57
        tax
        ldb [16]
        jset #1, b58, b57
b57:     txa
        add #58
        tax
        ldb [17]
        jset #2, b59, b58
b58:     txa
        add #59
        tax
        ldb [18]
        jset #4, b60, b59
b59:     txa
        add #60
        tax
        ldb [19]
        jset #8, b61, b60
b60:     txa
        add #61
        tax
        ldb [20]
        jset #16, b62, b61
b61:     txa
        add #62
        tax
        ldb [21]
        jset #32, b63, b62
b62:     txa
        add #63
        tax
        ldb [22]
        jset #64, b64, b63
b63:     txa
        add #64
        tax
        ldb [23]
        jset #1, b65, b64
b64:     txa
        add #65
        tax
        ldb [24]
        jset #2, b66, b65
b65:     txa
        add #66
        tax
        ldb [25]
        jset #4, b67, b66
b66:     txa
        add #67
        tax
        ldb [26]
        jset #8, b68, b67
b67:     txa
        add #68
        tax
        ldb [27]
        jset #16, b69, b68
b68:     txa
        add #69
        tax
        ldb [28]
        jset #32, b70, b69
b69:     txa
        add #70
        tax
        ldb [29]
        jset #64, b71, b70
b70:     txa
        add #71
        tax
        ldb [30]
        jset #1, b72, b71
b71:     txa
        add #72
        tax
        ldb [31]
        jset #2, b73, b72
b72:     txa
        add #73
        tax
        ldb [32]
        jset #4, b74, b73
b73:     txa
        add #74
        tax
        ldb [33]
        jset #8, b75, b74
b74:     txa
        add #75
        tax
        ldb [34]
        jset #16, b76, b75
b75:     txa
        add #76
        tax
        ldb [35]
        jset #32, b77, b76
b76:     txa
        add #77
        tax
        ldb [36]
        jset #64, b78, b77
b77:     txa
        add #78
        tax
        ldb [37]
        jset #1, b79, b78
b78:     txa
        add #79
        tax
        ldb [38]
        jset #2, b80, b79
b79:     txa
        add #80
        tax
        ldb [39]
        jset #4, b81, b80
b80:     txa
        add #81
        tax
        ldb [0]
        jset #8, b82, b81
b81:     txa
        add #82
        tax
        ldb [1]
        jset #16, b83, b82
b82:     txa
        add #83
        tax
        ldb [2]
        jset #32, b84, b83
b83:     txa
        add #84
        tax
        ldb [3]
        jset #64, b85, b84
b84:     txa
        add #85
        tax
        ldb [4]
        jset #1, b86, b85
b85:     txa
        add #86
        tax
        ldb [5]
        jset #2, b87, b86
b86:     txa
        add #87
        tax
        ldb [6]
        jset #4, b88, b87
b87:     txa
        add #88
        tax
        ldb [7]
        jset #8, b89, b88
b88:     txa
        add #89
        tax
        ldb [8]
        jset #16, b90, b89
b89:     txa
        add #90
        tax
        ldb [9]
        jset #32, b91, b90
b90:     txa
        add #91
        tax
        ldb [10]
        jset #64, b92, b91
b91:     txa
        add #92
        tax
        ldb [11]
        jset #1, b93, b92
b92:     txa
        add #93
        tax
        ldb [12]
        jset #2, b94, b93
b93:     txa
        add #94
        tax
        ldb [13]
        jset #4, b95, b94
b94:     txa
        add #95
        tax
        ldb [14]
        jset #8, b96, b95
b95:     txa
        add #96
        tax
        ldb [15]
        jset #16, b97, b96
b96:     txa
        add #97
        tax
        ldb [16]
        jset #32, b98, b97
b97:     txa
        add #98
        tax
        ldb [17]
        jset #64, b99, b98
b98:     txa
        add #99
        tax
        ldb [18]
        jset #1, b100, b99
b99:     txa
        add #100
        tax
        ldb [19]
        jset #2, b101, b100
b100:     txa
        add #101
        tax
        ldb [20]
        jset #4, b102, b101
b101:     txa
        add #102
        tax
        ldb [21]
        jset #8, b103, b102
b102:     txa
        add #103
        tax
        ldb [22]
        jset #16, b104, b103
b103:     txa
        add #104
        tax
        ldb [23]
        jset #32, b105, b104
b104:     txa
        add #105
        tax
        ldb [24]
        jset #64, b106, b105
b105:     txa
        add #106
        tax
        ldb [25]
        jset #1, b107, b106
b106:     txa
        add #107
        tax
        ldb [26]
        jset #2, b108, b107
b107:     txa
        add #108
        tax
        ldb [27]
        jset #4, b109, b108
b108:     txa
        add #109
        tax
        ldb [28]
        jset #8, b110, b109
b109:     txa
        add #110
        tax
        ldb [29]
        jset #16, b111, b110
b110:     txa
        add #111
        tax
        ldb [30]
        jset #32, b112, b111
b111:     txa
        add #112
        tax
        ldb [31]
        jset #64, b113, b112
b112:     txa
        add #113
        tax
        ldb [32]
        jset #1, b114, b113
b113:     txa
        add #114
        tax
        ldb [33]
        jset #2, b115, b114
b114:     txa
        add #115
        tax
        ldb [34]
        jset #4, b116, b115
b115:     txa
        add #116
        tax
        ldb [35]
        jset #8, b117, b116
b116:     txa
        add #117
        tax
        ldb [36]
        jset #16, b118, b117
b117:     txa
        add #118
        tax
        ldb [37]
        jset #32, b119, b118
b118:     txa
        add #119
        tax
        ldb [38]
        jset #64, b120, b119
b119:     txa
        add #120
        tax
        ldb [39]
        jset #1, b121, b120
b120:     txa
        add #121
        tax
        ldb [0]
        jset #2, b122, b121
b121:     txa
        add #122
        tax
        ldb [1]
        jset #4, b123, b122
b122:     txa
        add #123
        tax
        ldb [2]
        jset #8, b124, b123
b123:     txa
        add #124
        tax
        ldb [3]
        jset #16, b125, b124
b124:     txa
        add #125
        tax
        ldb [4]
        jset #32, b126, b125
b125:     txa
        add #126
        tax
        ldb [5]
        jset #64, b127, b126
b126:     txa
        add #127
        tax
        ldb [6]
        jset #1, b128, b127
b127:     txa
        add #128
        tax
        ldb [7]
        jset #2, b129, b128
b128:     txa
        add #129
        tax
        ldb [8]
        jset #4, b130, b129
b129:     txa
        add #130
        tax
        ldb [9]
        jset #8, b131, b130
b130:     txa
        add #131
        tax
        ldb [10]
        jset #16, b132, b131
b131:     txa
        add #132
        tax
        ldb [11]
        jset #32, b133, b132
b132:     txa
        add #133
        tax
        ldb [12]
        jset #64, b134, b133
b133:     txa
        add #134
        tax
        ldb [13]
        jset #1, b135, b134
b134:     txa
        add #135
        tax
        ldb [14]
        jset #2, b136, b135
b135:     txa
        add #136
        tax
        ldb [15]
        jset #4, b137, b136
b136:     txa
        add #137
        tax
        ldb [16]
        jset #8, b138, b137
b137:     txa
        add #138
        tax
        ldb [17]
        jset #16, b139, b138
b138:     txa
        add #139
        tax
        ldb [18]
        jset #32, b140, b139
b139:     txa
        add #140
        tax
        ldb [19]
        jset #64, b141, b140
b140:     txa
        add #141
        tax
        ldb [20]
        jset #1, b142, b141
b141:     txa
        add #142
        tax
        ldb [21]
        jset #2, b143, b142
b142:     txa
        add #143
        tax
        ldb [22]
        jset #4, b144, b143
b143:     txa
        add #144
        tax
        ldb [23]
        jset #8, b145, b144
b144:     txa
        add #145
        tax
        ldb [24]
        jset #16, b146, b145
b145:     txa
        add #146
        tax
        ldb [25]
        jset #32, b147, b146
b146:     txa
        add #147
        tax
        ldb [26]
        jset #64, b148, b147
b147:     txa
        add #148
        tax
        ldb [27]
        jset #1, b149, b148
b148:     txa
        add #149
        tax
        ldb [28]
        jset #2, b150, b149
b149:     txa
        add #150
        tax
        ldb [29]
        jset #4, b151, b150
b150:     txa
        add #151
        tax
        ldb [30]
        jset #8, b152, b151
b151:     txa
        add #152
        tax
        ldb [31]
        jset #16, b153, b152
b152:     txa
        add #153
        tax
        ldb [32]
        jset #32, b154, b153
b153:     txa
        add #154
        tax
        ldb [33]
        jset #64, b155, b154
b154:     txa
        add #155
        tax
        ldb [34]
        jset #1, b156, b155
b155:     txa
        add #156
        tax
        ldb [35]
        jset #2, b157, b156
b156:     txa
        add #157
        tax
        ldb [36]
        jset #4, b158, b157
b157:     txa
        add #158
        tax
        ldb [37]
        jset #8, b159, b158
b158:     txa
        add #159
        tax
        ldb [38]
        jset #16, b160, b159
b159:     txa
        add #160
        tax
        ldb [39]
        jset #32, b161, b160
b160:     txa
        add #161
        tax
        ldb [0]
        jset #64, b162, b161
b161:     txa
        add #162
        tax
        ldb [1]
        jset #1, b163, b162
b162:     txa
        add #163
        tax
        ldb [2]
        jset #2, b164, b163
b163:     txa
        add #164
        tax
        ldb [3]
        jset #4, b165, b164
b164:     txa
        add #165
        tax
        ldb [4]
        jset #8, b166, b165
b165:     txa
        add #166
        tax
        ldb [5]
        jset #16, b167, b166
b166:     txa
        add #167
        tax
        ldb [6]
        jset #32, b168, b167
b167:     txa
        add #168
        tax
        ldb [7]
        jset #64, b169, b168
b168:     txa
        add #169
        tax
        ldb [8]
        jset #1, b170, b169
b169:     txa
        add #170
        tax
        ldb [9]
        jset #2, b171, b170
b170:     txa
        add #171
        tax
        ldb [10]
        jset #4, b172, b171
b171:     txa
        add #172
        tax
        ldb [11]
        jset #8, b173, b172
b172:     txa
        add #173
        tax
        ldb [12]
        jset #16, b174, b173
b173:     txa
        add #174
        tax
        ldb [13]
        jset #32, b175, b174
b174:     txa
        add #175
        tax
        ldb [14]
        jset #64, b176, b175
b175:     txa
        add #176
        tax
        ldb [15]
        jset #1, b177, b176
b176:     txa
        add #177
        tax
        ldb [16]
        jset #2, b178, b177
b177:     txa
        add #178
        tax
        ldb [17]
        jset #4, b179, b178
b178:     txa
        add #179
        tax
        ldb [18]
        jset #8, b180, b179
b179:     txa
        add #180
        tax
        ldb [19]
        jset #16, b181, b180
b180:     txa
        add #181
        tax
        ldb [20]
        jset #32, b182, b181
b181:     txa
        add #182
        tax
        ldb [21]
        jset #64, b183, b182
b182:     txa
        add #183
        tax
        ldb [22]
        jset #1, b184, b183
b183:     txa
        add #184
        tax
        ldb [23]
        jset #2, b185, b184
b184:     txa
        add #185
        tax
        ldb [24]
        jset #4, b186, b185
b185:     txa
        add #186
        tax
        ldb [25]
        jset #8, b187, b186
b186:     txa
        add #187
        tax
        ldb [26]
        jset #16, b188, b187
b187:     txa
        add #188
        tax
        ldb [27]
        jset #32, b189, b188
b188:     txa
        add #189
        tax
        ldb [28]
        jset #64, b190, b189
b189:     txa
        add #190
        tax
        ldb [29]
        jset #1, b191, b190
b190:     txa
        add #191
        tax
        ldb [30]
        jset #2, b192, b191
b191:     txa
        add #192
        tax
        ldb [31]
        jset #4, b193, b192
b192:     txa
        add #193
        tax
        ldb [32]
        jset #8, b194, b193
b193:     txa
        add #194
        tax
        ldb [33]
        jset #16, b195, b194
b194:     txa
        add #195
        tax
        ldb [34]
        jset #32, b196, b195
b195:     txa
        add #196
        tax
        ldb [35]
        jset #64, b197, b196
b196:     txa
        add #197
        tax
        ldb [36]
        jset #1, b198, b197
b197:     txa
        add #198
        tax
        ldb [37]
        jset #2, b199, b198
b198:     txa
        add #199
        tax
        ldb [38]
        jset #4, b200, b199
b199:     txa
        add #200
        tax
        ldb [39]
        jset #8, b201, b200
b200:     txa
        add #201
        tax
        ldb [0]
        jset #16, b202, b201
b201:     txa
        add #202
        tax
        ldb [1]
        jset #32, b203, b202
b202:     txa
        add #203
        tax
        ldb [2]
        jset #64, b204, b203
b203:     txa
        add #204
        tax
        ldb [3]
        jset #1, b205, b204
b204:     txa
        add #205
        tax
        ldb [4]
        jset #2, b206, b205
b205:     txa
        add #206
        tax
        ldb [5]
        jset #4, b207, b206
b206:     txa
        add #207
        tax
        ldb [6]
        jset #8, b208, b207
b207:     txa
        add #208
        tax
        ldb [7]
        jset #16, b209, b208
b208:     txa
        add #209
        tax
        ldb [8]
        jset #32, b210, b209
b209:     txa
        add #210
        tax
        ldb [9]
        jset #64, b211, b210
b210:     txa
        add #211
        tax
        ldb [10]
        jset #1, b212, b211
b211:     txa
        add #212
        tax
        ldb [11]
        jset #2, b213, b212
b212:     txa
        add #213
        tax
        ldb [12]
        jset #4, b214, b213
b213:     txa
        add #214
        tax
        ldb [13]
        jset #8, b215, b214
b214:     txa
        add #215
        tax
        ldb [14]
        jset #16, b216, b215
b215:     txa
        add #216
        tax
        ldb [15]
        jset #32, b217, b216
b216:     txa
        add #217
        tax
        ldb [16]
        jset #64, b218, b217
b217:     txa
        add #218
        tax
        ldb [17]
        jset #1, b219, b218
b218:     txa
        add #219
        tax
        ldb [18]
        jset #2, b220, b219
b219:     txa
        add #220
        tax
        ldb [19]
        jset #4, b221, b220
b220:     txa
        add #221
        tax
        ldb [20]
        jset #8, b222, b221
b221:     txa
        add #222
        tax
        ldb [21]
        jset #16, b223, b222
b222:     txa
        add #223
        tax
        ldb [22]
        jset #32, b224, b223
b223:     txa
        add #224
        tax
        ldb [23]
        jset #64, b225, b224
b224:     txa
        add #225
        tax
        ldb [24]
        jset #1, b226, b225
b225:     txa
        add #226
        tax
        ldb [25]
        jset #2, b227, b226
b226:     txa
        add #227
        tax
        ldb [26]
        jset #4, b228, b227
b227:     txa
        add #228
        tax
        ldb [27]
        jset #8, b229, b228
b228:     txa
        add #229
        tax
        ldb [28]
        jset #16, b230, b229
b229:     txa
        add #230
        tax
        ldb [29]
        jset #32, b231, b230
b230:     txa
        add #231
        tax
        ldb [30]
        jset #64, b232, b231
b231:     txa
        add #232
        tax
        ldb [31]
        jset #1, b233, b232
b232:     txa
        add #233
        tax
        ldb [32]
        jset #2, b234, b233
b233:     txa
        add #234
        tax
        ldb [33]
        jset #4, b235, b234
b234:     txa
        add #235
        tax
        ldb [34]
        jset #8, b236, b235
b235:     txa
        add #236
        tax
        ldb [35]
        jset #16, b237, b236
b236:     txa
        add #237
        tax
        ldb [36]
        jset #32, b238, b237
b237:     txa
        add #238
        tax
        ldb [37]
        jset #64, b239, b238
b238:     txa
        add #239
        tax
        ldb [38]
        jset #1, b240, b239
b239:     txa
        add #240
        tax
        ldb [39]
        jset #2, b241, b240
b240:     txa
        add #241
        tax
        ldb [0]
        jset #4, b242, b241
b241:     txa
        add #242
        tax
        ldb [1]
        jset #8, b243, b242
b242:     txa
        add #243
        tax
        ldb [2]
        jset #16, b244, b243
b243:     txa
        add #244
        tax
        ldb [3]
        jset #32, b245, b244
b244:     txa
        add #245
        tax
        ldb [4]
        jset #64, b246, b245
b245:     txa
        add #246
        tax
        ldb [5]
        jset #1, b247, b246
b246:     txa
        add #247
        tax
        ldb [6]
        jset #2, b248, b247
b247:     txa
        add #248
        tax
        ldb [7]
        jset #4, b249, b248
b248:     txa
        add #249
        tax
        ldb [8]
        jset #8, b250, b249
b249:     txa
        add #250
        tax
        ldb [9]
        jset #16, b251, b250
b250:     txa
        add #251
        tax
        ldb [10]
        jset #32, b252, b251
b251:     txa
        add #252
        tax
        ldb [11]
        jset #64, b253, b252
b252:     txa
        add #253
        tax
        ldb [12]
        jset #1, b254, b253
b253:     txa
        add #254
        tax
        ldb [13]
        jset #2, b255, b254
b254:     txa
        add #255
        tax
        ldb [14]
        jset #4, b256, b255
b255:     txa
        add #256
        tax
        ldb [15]
        jset #8, b257, b256
b256:     txa
        add #257
        tax
        ldb [16]
        jset #16, b258, b257
b257:     txa
        add #258
        tax
        ldb [17]
        jset #32, b259, b258
b258:     txa
        add #259
        tax
        ldb [18]
        jset #64, b260, b259
b259:     txa
        add #260
        tax
        ldb [19]
        jset #1, b261, b260
b260:     txa
        add #261
        tax
        ldb [20]
        jset #2, b262, b261
b261:     txa
        add #262
        tax
        ldb [21]
        jset #4, b263, b262
b262:     txa
        add #263
        tax
        ldb [22]
        jset #8, b264, b263
b263:     txa
        add #264
        tax
        ldb [23]
        jset #16, b265, b264
b264:     txa
        add #265
        tax
        ldb [24]
        jset #32, b266, b265
b265:     txa
        add #266
        tax
        ldb [25]
        jset #64, b267, b266
b266:     txa
        add #267
        tax
        ldb [26]
        jset #1, b268, b267
b267:     txa
        add #268
        tax
        ldb [27]
        jset #2, b269, b268
b268:     txa
        add #269
        tax
        ldb [28]
        jset #4, b270, b269
b269:     txa
        add #270
        tax
        ldb [29]
        jset #8, b271, b270
b270:     txa
        add #271
        tax
        ldb [30]
        jset #16, b272, b271
b271:     txa
        add #272
        tax
        ldb [31]
        jset #32, b273, b272
b272:     txa
        add #273
        tax
        ldb [32]
        jset #64, b274, b273
b273:     txa
        add #274
        tax
        ldb [33]
        jset #1, b275, b274
b274:     txa
        add #275
        tax
        ldb [34]
        jset #2, b276, b275
b275:     txa
        add #276
        tax
        ldb [35]
        jset #4, b277, b276
b276:     txa
        add #277
        tax
        ldb [36]
        jset #8, b278, b277
b277:     txa
        add #278
        tax
        ldb [37]
        jset #16, b279, b278
b278:     txa
        add #279
        tax
        ldb [38]
        jset #32, b280, b279
b279:     txa
        add #280
        tax
        ldb [39]
        jset #64, b281, b280
b280:     txa
        add #281
        tax
        ldb [0]
        jset #1, b282, b281
b281:     txa
        add #282
        tax
        ldb [1]
        jset #2, b283, b282
b282:     txa
        add #283
        tax
        ldb [2]
        jset #4, b284, b283
b283:     txa
        add #284
        tax
        ldb [3]
        jset #8, b285, b284
b284:     txa
        add #285
        tax
        ldb [4]
        jset #16, b286, b285
b285:     txa
        add #286
        tax
        ldb [5]
        jset #32, b287, b286
b286:     txa
        add #287
        tax
        ldb [6]
        jset #64, b288, b287
b287:     txa
        add #288
        tax
        ldb [7]
        jset #1, b289, b288
b288:     txa
        add #289
        tax
        ldb [8]
        jset #2, b290, b289
b289:     txa
        add #290
        tax
        ldb [9]
        jset #4, b291, b290
b290:     txa
        add #291
        tax
        ldb [10]
        jset #8, b292, b291
b291:     txa
        add #292
        tax
        ldb [11]
        jset #16, b293, b292
b292:     txa
        add #293
        tax
        ldb [12]
        jset #32, b294, b293
b293:     txa
        add #294
        tax
        ldb [13]
        jset #64, b295, b294
b294:     txa
        add #295
        tax
        ldb [14]
        jset #1, b296, b295
b295:     txa
        add #296
        tax
        ldb [15]
        jset #2, b297, b296
b296:     txa
        add #297
        tax
        ldb [16]
        jset #4, b298, b297
b297:     txa
        add #298
        tax
        ldb [17]
        jset #8, b299, b298
b298:     txa
        add #299
        tax
        ldb [18]
        jset #16, b300, b299
b299:     txa
        add #300
        tax
        ldb [19]
        jset #32, b301, b300
b300:     txa
        xor #5
        tax
b301:     txa
        ret a
;; packet 7942bdf22106f0847762f0f3cb4d764dc7072051159a0f89f2c6dacae344bb311245fd6f84df9ad7 => 30046
;; packet c5b3d076ac0e8f53a7356c88913f20f6f72db022d24d0a96dad43c1617c1a98e78129e0327371065 => 31205
;; packet d095864f15ada0b846c1c0ebc5348adc799adf849bad05d4a10ac0441eaaeeb4b48efa0b1f0abd80 => 31659
;; packet 00x40 => 45147
;; packet ffx40 => 22497
;; packet 00x39 => 0
